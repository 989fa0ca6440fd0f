import { type BigIntStats, type Dirent, readdir } from 'node:fs'
import { opendir } from 'node:fs/promises'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { childOf, ROOT, type VirtualPath } from '#permissions/path.ts'
import { type MountListOptions, RESERVED } from '../../mount.ts'
import { sortKeys } from '../../order.ts'
import type { Entry, Page } from '../../types.ts'
import { faultOf, guarded, notFound } from './errors.ts'
import { type Folder, openFolder } from './folder.ts'
import { looseNames, packedNames, type SortedNames } from './sorted-names.ts'
import { entryFrom, look, lookLater } from './stats.ts'

/** Sorted names of folders that are being paged through. */
export type ListingCache = {
  /** The names under this key, made once even when many ask at the same time. */
  read(key: string, make: () => Promise<SortedNames>): Promise<SortedNames>
}

const WORTH_KEEPING = 500

/** Keeps the most recently used listings, up to `bytes` in all. */
export function createListingCache(bytes = 256 * 1024 * 1024): ListingCache {
  const held = new Map<string, SortedNames>()
  const coming = new Map<string, Promise<SortedNames>>()
  let total = 0

  function keep(key: string, names: SortedNames): void {
    if (names.length < WORTH_KEEPING) return
    held.set(key, names)
    total += names.bytes
    for (const [oldest, old] of held) {
      if (total <= bytes) break
      held.delete(oldest)
      total -= old.bytes
    }
  }

  async function make(key: string, read: () => Promise<SortedNames>): Promise<SortedNames> {
    try {
      const names = await read()
      keep(key, names)
      return names
    } finally {
      coming.delete(key)
    }
  }

  return {
    async read(key, read) {
      const names = held.get(key)
      if (names !== undefined) {
        held.delete(key)
        held.set(key, names)
        return names
      }
      const made = coming.get(key) ?? make(key, read)
      coming.set(key, made)
      return made
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

function* candidates(keys: SortedNames, path: VirtualPath, options: MountListOptions): Generator<string> {
  const { after, prefix = '', shows } = options
  let index = Math.max(after === undefined ? 0 : keys.lowerBound(after), keys.lowerBound(prefix))
  if (after !== undefined && keys.at(index) === after) index++
  for (let before = after; ; index++) {
    const key = keys.at(index)
    if (key?.startsWith(prefix) !== true) return
    const name = key.endsWith('/') ? key.slice(0, -1) : key
    if (key === before || (path === ROOT && name.toLowerCase() === RESERVED) || shows?.(name) === false)
      continue
    before = key
    yield name
  }
}

// What the kernel has at hand is looked at right here, which costs a tenth of a job for the thread pool. One look that
// is slow says that a disk is behind it: the next ones are left to the pool.
const SLOW_MS = 0.5
const BREATHE_MS = 4

async function entriesOf(folder: Folder, path: VirtualPath, names: readonly string[]): Promise<Entry[]> {
  const found: (Entry | null)[] = []
  let breathed = performance.now()
  while (found.length < names.length) {
    const before = performance.now()
    if (before - breathed > BREATHE_MS) {
      await nextTurn()
      breathed = performance.now()
      continue
    }
    const name = names[found.length] ?? ''
    const stats = look(folder.at(name))
    found.push(stats === null ? null : entryBelow(path, name, stats))
    if (performance.now() - before < SLOW_MS) continue
    const later = names.slice(found.length, found.length + LOOKS_AT_ONCE)
    found.push(...(await Promise.all(later.map((one) => entryLater(folder, path, one)))))
    breathed = performance.now()
  }
  return found.filter((entry) => entry !== null)
}

async function entryLater(folder: Folder, path: VirtualPath, name: string): Promise<Entry | null> {
  const stats = await lookLater(folder.at(name))
  return stats === null ? null : entryBelow(path, name, stats)
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

async function keysOf(folder: Folder, cache: ListingCache): Promise<SortedNames> {
  const stats = look(folder.at('.'))
  if (stats === null) throw notFound()
  const read = async () => {
    const keys = await sortKeys(await readKeys(folder, stats))
    return keys.length < WORTH_KEEPING ? looseNames(keys) : packedNames(keys)
  }
  if (Date.now() - Number(stats.mtimeMs) <= GRAIN_MS) return read()
  return cache.read(`${stats.dev}:${stats.ino}:${stats.mtimeNs}`, read)
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
