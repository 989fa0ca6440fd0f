import type { Mount, StagedFolder } from './mount.ts'
import type { VersionStore } from './ports.ts'
import type { Entry, OpenFile } from './types.ts'
import { fingerprintOf, versionOf } from './version.ts'

/**
 * The same mount, whose files keep their version when their modification time is set with `keepVersion`. A time that
 * was set has whole microseconds, which those that the kernel makes seldom have: only such files are looked up.
 */
export function keepingVersions(mount: Mount, store: VersionStore): Mount {
  const resolve = (entries: readonly Entry[]) => resolved(mount.id, store, entries)
  const one = async (entry: Entry) => (await resolve([entry]))[0] ?? entry
  const oneOrNone = async (entry: Entry | null) => (entry === null ? null : one(entry))
  return {
    ...mount,
    find: async (path) => oneOrNone(await mount.find(path)),
    findPlace: async (path) => oneOrNone(await mount.findPlace(path)),
    asFound: one,
    async list(folder, options) {
      const page = await mount.list(folder, options)
      return { ...page, entries: await resolve(page.entries) }
    },
    async open(path) {
      const file = await mount.open(path)
      const entry = await one(file.entry)
      return entry === file.entry ? file : openAs(file, entry)
    },
    stage: ({ from, ...rest }) =>
      mount.stage(from === undefined ? rest : { ...rest, from: originalOf(from) }),
    stageFolder: async () => unwrapping(await mount.stageFolder()),
    async setModified(path, modified, keepVersion) {
      const old = await oneOrNone(await mount.find(path))
      const { before, entry } = await mount.setModified(path, modified)
      if (old?.kind !== 'file' || entry.kind !== 'file') return { before, entry }
      const kept = fingerprintOf(old)
      const now = fingerprintOf(entry)
      const isSame = kept.ino === now.ino && kept.size === now.size
      if (!isSame || !keepVersion || !wasSet(entry)) return { before: isSame ? kept : before, entry }
      const place = { mountId: mount.id, path }
      await store.put(place, { now, created: entry.created, keptMtimeNs: kept.mtimeNs })
      return { before: kept, entry: { ...entry, version: versionOf(kept) } }
    },
  }
}

const originals = new WeakMap<OpenFile, OpenFile>()

function openAs(file: OpenFile, entry: Entry): OpenFile {
  const sendTo = file.sendTo?.bind(file)
  const shown: OpenFile = {
    entry,
    ...(sendTo && { sendTo }),
    read: (target, position) => file.read(target, position),
    [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
  }
  originals.set(shown, file)
  return shown
}

// Mounts know the files that they opened themselves, and copy those faster.
function originalOf(file: OpenFile): OpenFile {
  return originals.get(file) ?? file
}

function unwrapping(staged: StagedFolder): StagedFolder {
  return { ...staged, file: (names, source, signal) => staged.file(names, originalOf(source), signal) }
}

async function resolved(
  mountId: string,
  store: VersionStore,
  entries: readonly Entry[],
): Promise<readonly Entry[]> {
  const candidates = entries.filter(wasSet)
  if (candidates.length === 0) return entries
  const inodes = candidates.map((entry) => fingerprintOf(entry).ino)
  const found = await store.find(mountId, inodes)
  if (found.length === 0) return entries
  const kept = new Map(found.map((row) => [`${versionOf(row.now)} ${row.created}`, row]))
  return entries.map((entry) => {
    const row = kept.get(`${entry.version} ${entry.created}`)
    if (row === undefined || entry.kind !== 'file') return entry
    return { ...entry, version: versionOf({ ...row.now, mtimeNs: row.keptMtimeNs }) }
  })
}

/** True when the modification time may have been set. Whole microseconds end in 0 or 8 as hexadecimal nanoseconds. */
function wasSet({ kind, version }: Entry): boolean {
  if (kind !== 'file' || !(version.endsWith('0') || version.endsWith('8'))) return false
  return BigInt(`0x${version.slice(16)}`) % 1000n === 0n
}
