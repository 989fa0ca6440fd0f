import type { Entry, Files } from '#files/types.ts'
import { childOf, type VirtualPath } from '#permissions/path.ts'
import { isFault } from './call.ts'
import { compareKeys } from './keys.ts'

/** A key of a bucket, or a common prefix of keys (S3 rolls up what lies behind a delimiter). */
export type Found =
  | { readonly kind: 'key'; readonly key: string; readonly entry: Entry }
  | { readonly kind: 'prefix'; readonly prefix: string }

export type WalkOptions = {
  readonly prefix: string
  /** Empty for none. */
  readonly delimiter: string
  /** Only keys behind this; empty for all. */
  readonly after: string
  /** A common prefix that was shown already: nothing in it is given. */
  readonly afterPrefix: string | null
  /** How many the caller wants at most: what is read at once follows it. */
  readonly limit: number
  readonly signal: AbortSignal
}

type Walk = WalkOptions & {
  readonly files: Files
  /** The last common prefix that was given: everything in it is passed over. */
  done: string | null
}

/**
 * The keys of a bucket in UTF-8 order, as an ordered walk over its folders that never enters one in which
 * nothing can be found. A folder is a key of its own (`dir/`) only while it is empty.
 */
export async function* walkKeys(
  files: Files,
  bucket: VirtualPath,
  options: WalkOptions,
): AsyncGenerator<Found> {
  const { prefix, after } = options
  // Everything with the prefix is on one side of `after`, unless `after` has the prefix itself.
  const beyond = !after.startsWith(prefix) && after !== '' && compareKeys(after, prefix) > 0
  if (beyond) return
  const walk: Walk = {
    ...options,
    files,
    after: after.startsWith(prefix) ? after : '',
    done: options.afterPrefix,
  }
  const start = prefix.slice(0, prefix.lastIndexOf('/') + 1)
  const folder = folderOf(bucket, start)
  if (folder === null) return
  try {
    yield* walkFolder(walk, folder, start)
  } catch (error) {
    // A prefix that leads to no folder has no keys. The bucket itself was seen to be there.
    if (start === '' || !isFault(error, 'not_found', 'invalid')) throw error
  }
}

/** The folder of a key that is empty or ends with `/`; null when no folder can have that name. */
function folderOf(bucket: VirtualPath, key: string): VirtualPath | null {
  if (key === '') return bucket
  let path = bucket
  try {
    for (const name of key.slice(0, -1).split('/')) path = childOf(path, name)
    return path
  } catch {
    return null
  }
}

/** All keys in `folder`, whose own key is `base` (empty for the bucket). */
async function* walkFolder(walk: Walk, folder: VirtualPath, base: string): AsyncGenerator<Found> {
  const rest = walk.after.startsWith(base) ? walk.after.slice(base.length) : ''
  const slash = rest.indexOf('/')
  let after = rest
  if (slash >= 0) {
    // `after` lies in a member: go on inside it, then behind it.
    after = rest.slice(0, slash + 1)
    yield* walkMember(walk, folder, base + after, after.slice(0, -1))
  }
  const names = walk.prefix.length > base.length ? walk.prefix.slice(base.length) : ''
  let empty = after === '' && names === ''
  for await (const entries of pages(walk, folder, after, names)) {
    if (entries.length > 0) empty = false
    for (const entry of entries) yield* visit(walk, entry, base)
  }
  if (empty && base !== '' && compareKeys(base, walk.after) > 0) {
    yield* give(walk, base, await walk.files.stat(folder))
  }
}

async function* pages(
  walk: Walk,
  folder: VirtualPath,
  start: string,
  names: string,
): AsyncGenerator<readonly Entry[]> {
  let after: string | null = start
  while (after !== null) {
    if (walk.signal.aborted) throw walk.signal.reason
    const page = await walk.files.list(folder, {
      limit: walk.limit,
      ...(after === '' ? {} : { after }),
      ...(names === '' ? {} : { prefix: names }),
    })
    yield page.entries
    after = page.next
  }
}

async function* visit(walk: Walk, entry: Entry, base: string): AsyncGenerator<Found> {
  if (entry.kind === 'file') {
    yield* give(walk, base + entry.name, entry)
    return
  }
  const key = `${base}${entry.name}/`
  if (isDone(walk, key)) return
  const rolled = commonPrefix(walk, key)
  // There is a key in each folder, if only its own; what lies before `after` must still be looked at.
  if (rolled !== null && !walk.after.startsWith(key)) {
    yield* givePrefix(walk, rolled)
    return
  }
  yield* enter(walk, entry.path, key)
}

/** Goes into the member in which `after` lies, if it is a folder still. */
async function* walkMember(
  walk: Walk,
  folder: VirtualPath,
  key: string,
  name: string,
): AsyncGenerator<Found> {
  if (isDone(walk, key)) return
  const path = folderOf(folder, `${name}/`)
  if (path !== null) yield* enter(walk, path, key)
}

async function* enter(walk: Walk, path: VirtualPath, key: string): AsyncGenerator<Found> {
  try {
    yield* walkFolder(walk, path, key)
  } catch (error) {
    // Gone meanwhile, or not for this caller: nothing is there.
    if (!isFault(error, 'not_found', 'forbidden', 'invalid')) throw error
  }
}

async function* give(walk: Walk, key: string, entry: Entry): AsyncGenerator<Found> {
  if (!key.startsWith(walk.prefix) || isDone(walk, key) || compareKeys(key, walk.after) <= 0) return
  const rolled = commonPrefix(walk, key)
  if (rolled === null) yield { kind: 'key', key, entry }
  else yield* givePrefix(walk, rolled)
}

function* givePrefix(walk: Walk, prefix: string): Generator<Found> {
  walk.done = prefix
  yield { kind: 'prefix', prefix }
}

function isDone(walk: Walk, key: string): boolean {
  return walk.done !== null && key.startsWith(walk.done)
}

/** The key up to and with the first delimiter behind the prefix; null when there is none. */
function commonPrefix({ prefix, delimiter }: Walk, key: string): string | null {
  if (delimiter === '' || !key.startsWith(prefix)) return null
  const at = key.indexOf(delimiter, prefix.length)
  return at < 0 ? null : key.slice(0, at + delimiter.length)
}
