import { type BigIntStats, type Dirent, readdir } from 'node:fs'
import { opendir } from 'node:fs/promises'
import { childOf, ROOT, type VirtualPath } from '#permissions/path.ts'
import { type MountListOptions, RESERVED } from '../../mount.ts'
import { lowerBound, sortKeys } from '../../order.ts'
import type { Entry, Page } from '../../types.ts'
import { faultOf, guarded, notFound } from './errors.ts'
import { type Folder, openFolder } from './folder.ts'
import { entryFrom, look, lookLater } from './stats.ts'

/** Sorted names of folders that are being paged through. */
export type ListingCache = {
  get(key: string): readonly string[] | undefined
  put(key: string, keys: readonly string[]): void
}

const WORTH_KEEPING = 500

/** Keeps the most recently used listings, up to `names` names in all. */
export function createListingCache(names = 2_000_000): ListingCache {
  const held = new Map<string, readonly string[]>()
  let total = 0
  return {
    get(key) {
      const keys = held.get(key)
      if (keys === undefined) return undefined
      held.delete(key)
      held.set(key, keys)
      return keys
    },
    put(key, keys) {
      if (keys.length < WORTH_KEEPING || held.has(key)) return
      held.set(key, keys)
      total += keys.length
      for (const [oldest, old] of held) {
        if (total <= names) break
        held.delete(oldest)
        total -= old.length
      }
    },
  }
}

const DEFAULT_LIMIT = 1000
const MAX_LIMIT = 10_000
const LOOKS_AT_ONCE = 64

/** One page of a local folder. Members that vanish meanwhile are left out. Fault not_found for a file. */
export async function listFolder(
  root: string,
  path: VirtualPath,
  options: MountListOptions,
  cache: ListingCache,
): Promise<Page> {
  using folder = openFolder(root, path)
  const keys = await keysOf(folder, cache)
  const limit = Math.min(Math.max(options.limit ?? DEFAULT_LIMIT, 1), MAX_LIMIT)
  const names = candidates(keys, path, options)
  const entries: Entry[] = []
  let step = names.next()
  while (!step.done && entries.length < limit) {
    const batch: string[] = []
    for (; !step.done && batch.length < limit - entries.length; step = names.next()) batch.push(step.value)
    entries.push(...(await entriesOf(folder, path, batch)))
  }
  const last = entries.at(-1)
  return { entries, next: step.done || last === undefined ? null : keyOf(last) }
}

function keyOf(entry: Entry): string {
  return entry.kind === 'folder' ? `${entry.name}/` : entry.name
}

function* candidates(
  keys: readonly string[],
  path: VirtualPath,
  options: MountListOptions,
): Generator<string> {
  const { after, prefix = '', shows } = options
  let index = Math.max(after === undefined ? 0 : lowerBound(keys, after), lowerBound(keys, prefix))
  if (after !== undefined && keys[index] === after) index++
  for (let before = after; index < keys.length; index++) {
    const key = keys[index] ?? ''
    if (!key.startsWith(prefix)) return
    const name = key.endsWith('/') ? key.slice(0, -1) : key
    if (key === before || (path === ROOT && name.toLowerCase() === RESERVED) || shows?.(name) === false)
      continue
    before = key
    yield name
  }
}

async function entriesOf(folder: Folder, path: VirtualPath, names: readonly string[]): Promise<Entry[]> {
  const found: (Entry | null)[] = new Array(names.length).fill(null)
  let next = 0
  async function worker(): Promise<void> {
    while (next < names.length) {
      const index = next++
      const name = names[index] ?? ''
      const stats = await lookLater(folder.at(name))
      if (stats !== null) found[index] = entryBelow(path, name, stats)
    }
  }
  await Promise.all(Array.from({ length: Math.min(LOOKS_AT_ONCE, names.length) }, worker))
  return found.filter((entry) => entry !== null)
}

// A path that no client could write does not exist.
function entryBelow(path: VirtualPath, name: string, stats: BigIntStats): Entry | null {
  try {
    return entryFrom(childOf(path, name), stats)
  } catch {
    return null
  }
}

// A change within the clock's grain of the folder's mtime does not move it: such a listing is not kept.
const GRAIN_MS = 100

async function keysOf(folder: Folder, cache: ListingCache): Promise<readonly string[]> {
  const stats = look(folder.at('.'))
  if (stats === null) throw notFound()
  const key = `${stats.dev}:${stats.ino}:${stats.mtimeNs}`
  const known = cache.get(key)
  if (known !== undefined) return known
  const settled = Date.now() - Number(stats.mtimeMs) > GRAIN_MS
  const keys = await sortKeys(await readKeys(folder, stats))
  if (settled) cache.put(key, keys)
  return keys
}

// Above this the names are read in pieces: one call would hold the event loop while it makes its result.
const LARGE_FOLDER = 1024 * 1024

function readKeys(folder: Folder, stats: BigIntStats): Promise<string[]> {
  return stats.size > LARGE_FOLDER ? readInPieces(folder) : readAtOnce(folder)
}

function readAtOnce(folder: Folder): Promise<string[]> {
  return new Promise((resolve, reject) => {
    readdir(folder.self, { withFileTypes: true }, (error, members) => {
      if (error) return reject(faultOf(error))
      const keys: string[] = []
      for (const member of members) addKey(keys, member)
      resolve(keys)
    })
  })
}

function readInPieces(folder: Folder): Promise<string[]> {
  return guarded(async () => {
    const keys: string[] = []
    for await (const member of await opendir(folder.self, { bufferSize: 4096 })) addKey(keys, member)
    return keys
  })
}

function addKey(keys: string[], member: Dirent): void {
  if (member.isDirectory()) keys.push(`${member.name}/`)
  else if (member.isFile()) keys.push(member.name)
}
