import type { Entry, Files, Page } from '#files/types.ts'
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
  /** How many are wanted at most. */
  readonly limit: number
  readonly signal: AbortSignal
}

type Walk = WalkOptions & {
  readonly files: Files
  readonly found: Found[]
  /** The last common prefix that was given: everything in it is passed over. */
  done: string | null
}

/** Sorts behind every name: a name has at most 255 bytes, and each of these characters has 4. */
const HIGHEST = '\u{10ffff}'.repeat(64)
const MOST_AT_ONCE = 1_001

/**
 * The first `limit` keys of a bucket in UTF-8 order, found by an ordered walk over its folders that never enters
 * one in which nothing can be found. A folder is a key of its own (`dir/`) only while it is empty.
 */
export async function walkKeys(
  files: Files,
  bucket: VirtualPath,
  options: WalkOptions,
): Promise<readonly Found[]> {
  const { prefix, after } = options
  // Everything with the prefix is on one side of `after`, unless `after` has the prefix itself.
  const beyond = !after.startsWith(prefix) && after !== '' && compareKeys(after, prefix) > 0
  const start = prefix.slice(0, prefix.lastIndexOf('/') + 1)
  const folder = folderOf(bucket, start)
  if (beyond || folder === null) return []
  const within = after.startsWith(prefix) ? after : ''
  const walk: Walk = { ...options, files, found: [], after: within, done: options.afterPrefix }
  try {
    await walkFolder(walk, folder, start)
  } catch (error) {
    // A prefix that leads to no folder has no keys. The bucket itself was seen to be there.
    if (start === '' || !isFault(error, 'not_found', 'invalid')) throw error
  }
  return walk.found
}

function isFull({ found, limit }: Walk): boolean {
  return found.length >= limit
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
async function walkFolder(walk: Walk, folder: VirtualPath, base: string): Promise<void> {
  const rest = walk.after.startsWith(base) ? walk.after.slice(base.length) : ''
  const slash = rest.indexOf('/')
  let after = rest
  if (slash >= 0) {
    // `after` lies in a member: go on inside it, then behind it.
    after = rest.slice(0, slash + 1)
    await walkMember(walk, folder, base + after, after.slice(0, -1))
  }
  const names = walk.prefix.length > base.length ? walk.prefix.slice(base.length) : ''
  const any = await walkMembers(walk, folder, base, after, names)
  const empty = !any && after === '' && names === ''
  if (empty && !isFull(walk) && base !== '' && compareKeys(base, walk.after) > 0) {
    give(walk, base, await walk.files.stat(folder))
  }
}

/** The members of a folder behind `start` whose names begin with `names`; false when there are none. */
async function walkMembers(
  walk: Walk,
  folder: VirtualPath,
  base: string,
  start: string,
  names: string,
): Promise<boolean> {
  let any = false
  let after: string | null = behindDone(walk, base, start)
  // No more than is wanted is read, unless what was read so far came to nothing.
  for (let factor = 1; after !== null && !isFull(walk); factor *= 2) {
    if (walk.signal.aborted) throw walk.signal.reason
    const page: Page = await walk.files.list(folder, {
      limit: Math.min((walk.limit - walk.found.length) * factor, MOST_AT_ONCE),
      ...(after === '' ? {} : { after }),
      ...(names === '' ? {} : { prefix: names }),
    })
    any ||= page.entries.length > 0
    await takeMembers(walk, page.entries, base)
    after = page.next === null ? null : behindDone(walk, base, page.next)
  }
  return any
}

/** Where to go on in the folder `base` behind `after`: not in a common prefix that was given. */
function behindDone({ done }: Walk, base: string, after: string): string {
  if (done === null || done.length <= base.length || !done.startsWith(base)) return after
  const cut = done.slice(base.length)
  return after.startsWith(cut) ? cut + HIGHEST : after
}

async function takeMembers(walk: Walk, entries: readonly Entry[], base: string): Promise<void> {
  for (const entry of entries) {
    if (isFull(walk)) return
    if (entry.kind === 'file') give(walk, base + entry.name, entry)
    else await takeFolder(walk, entry, `${base}${entry.name}/`)
  }
}

async function takeFolder(walk: Walk, entry: Entry, key: string): Promise<void> {
  if (isDone(walk, key)) return
  const rolled = commonPrefix(walk, key)
  // There is a key in each folder, if only its own; what lies before `after` must still be looked at.
  if (rolled !== null && !walk.after.startsWith(key)) givePrefix(walk, rolled)
  else await enter(walk, entry.path, key)
}

/** Goes into the member in which `after` lies, if it is a folder still. */
async function walkMember(walk: Walk, folder: VirtualPath, key: string, name: string): Promise<void> {
  if (isDone(walk, key)) return
  const path = folderOf(folder, `${name}/`)
  if (path !== null) await enter(walk, path, key)
}

async function enter(walk: Walk, path: VirtualPath, key: string): Promise<void> {
  try {
    await walkFolder(walk, path, key)
  } catch (error) {
    // Gone meanwhile, or not for this caller: nothing is there.
    if (!isFault(error, 'not_found', 'forbidden', 'invalid')) throw error
  }
}

function give(walk: Walk, key: string, entry: Entry): void {
  if (!key.startsWith(walk.prefix) || isDone(walk, key) || compareKeys(key, walk.after) <= 0) return
  const rolled = commonPrefix(walk, key)
  if (rolled === null) walk.found.push({ kind: 'key', key, entry })
  else givePrefix(walk, rolled)
}

function givePrefix(walk: Walk, prefix: string): void {
  walk.done = prefix
  walk.found.push({ kind: 'prefix', prefix })
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
