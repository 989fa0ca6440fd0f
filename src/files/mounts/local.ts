import { lutimes, mkdir, rename, rmdir, statfs, unlink } from 'node:fs/promises'
import { Fault } from '#faults'
import { baseName, parentOf, ROOT, type VirtualPath } from '#permissions/path.ts'
import type { Fingerprint } from '../metadata.ts'
import type { Mount } from '../mount.ts'
import type { Entry, Space } from '../types.ts'
import { asideName, createEraser } from './local/eraser.ts'
import { guarded, isFault, notFound } from './local/errors.ts'
import { fillFrom, openFile } from './local/file.ts'
import { type Folder, openFolder, openParent, realRoot } from './local/folder.ts'
import { closeDescriptor, syncFolder, utimeOf } from './local/io.ts'
import { type ListingCache, listFolder } from './local/listing.ts'
import { localLost } from './local/lost.ts'
import { createPace } from './local/pace.ts'
import { localParts } from './local/parts.ts'
import { createStaging } from './local/staging.ts'
import { entryFrom, fingerprintFrom, look } from './local/stats.ts'
import { restoreStaging, sweepStaging } from './local/sweep.ts'
import { localTrash } from './local/trash.ts'
import { moveInto, stagedFolder, type TreeHome } from './local/tree.ts'
import { stagedFile } from './local/upload.ts'

export type LocalMountOptions = {
  readonly id: string
  /** Absolute path of a folder; may itself be reached through links. */
  readonly root: string
  readonly durable: boolean
  readonly listings: ListingCache
  /** What is deleted in the background could not be. */
  readonly onError: (error: unknown) => void
}

type Home = TreeHome & { readonly listings: ListingCache }

/**
 * A folder of this machine. Nothing outside of it can be reached: links do not exist, and are not followed even
 * when they are swapped in during an operation (see local/folder.ts). Fault `unavailable` while it is missing.
 */
export function createLocalMount({ id, root, durable, listings, onError }: LocalMountOptions): Mount {
  let known: string | undefined
  // Asked again until it is there once.
  const real = () => {
    known ??= realRoot(root)
    return known
  }
  const pace = createPace()
  const staging = createStaging(real, pace)
  const eraser = createEraser(onError)
  const home = (): Home => ({ root: real(), durable, staging, eraser, listings, pace })
  return {
    id,
    find: async (path) => find(real(), path),
    findPlace: async (path) => findPlace(real(), path),
    asFound: async (there) => there,
    isFolder: async (path) => isFolder(real(), path),
    list: async (folder, options) => listFolder(real(), folder, options, listings),
    open: async (path) => openFile(real(), path, pace),
    stage: (options) => stage(home(), options.from, options.signal),
    stageFolder: async () => stagedFolder(home()),
    mkdir: (path) => guarded(() => makeFolder(home(), path)),
    remove: (path) => guarded(() => remove(home(), path)),
    removeTree: (path) => guarded(() => removeTree(home(), path)),
    rename: (from, to, replace) => guarded(() => move(home(), from, to, replace)),
    setModified: (path, modified) => guarded(() => setModified(real(), path, modified)),
    space: () => guarded(() => spaceOf(real())),
    trash: localTrash(home),
    lost: localLost(home, (fd, path, size) => stagedFile(home(), fd, path, size)),
    parts: localParts(() => {
      const here = home()
      const stageNew = (signal: AbortSignal) => stage(here, undefined, signal)
      return { ...here, stage: stageNew, adopt: (fd, path, size) => stagedFile(here, fd, path, size) }
    }),
    restore: () => guarded(() => restoreStaging(real(), staging)),
    sweep: (uploads) => guarded(() => sweepStaging(real(), staging, eraser, uploads)),
    async [Symbol.asyncDispose]() {
      await eraser[Symbol.asyncDispose]()
      await staging[Symbol.asyncDispose]()
    },
  }
}

function find(root: string, path: VirtualPath): Entry | null {
  try {
    using folder = openFolder(root, parentOf(path))
    return entryIn(folder, path)
  } catch (error) {
    if (isFault(error, 'not_found')) return null
    throw error
  }
}

function findPlace(root: string, path: VirtualPath): Entry | null {
  using folder = openParent(root, path).folder
  return entryIn(folder, path)
}

function entryIn(folder: Folder, path: VirtualPath): Entry | null {
  const stats = look(folder.at(path === ROOT ? '.' : baseName(path)))
  return stats === null ? null : entryFrom(path, stats)
}

function isFolder(root: string, path: VirtualPath): boolean {
  try {
    openFolder(root, path)[Symbol.dispose]()
    return true
  } catch (error) {
    if (isFault(error, 'not_found')) return false
    throw error
  }
}

async function stage(home: Home, from: Parameters<typeof fillFrom>[1] | undefined, signal: AbortSignal) {
  const { fd, path } = await home.staging.create()
  try {
    const filled = from === undefined ? 0 : await fillFrom(fd, from, signal)
    return stagedFile(home, fd, path, filled)
  } catch (error) {
    await unlink(path).catch(() => {})
    await closeDescriptor(fd)
    throw error
  }
}

async function makeFolder({ root, durable }: Home, path: VirtualPath): Promise<Entry> {
  const { folder: opened, name } = openParent(root, path)
  using folder = opened
  await mkdir(folder.at(name), 0o755)
  if (durable) await syncFolder(folder.self)
  return present(path, folder.at(name)).entry
}

function present(path: VirtualPath, at: string): { entry: Entry; fingerprint: Fingerprint } {
  const stats = look(at)
  const entry = stats === null ? null : entryFrom(path, stats)
  if (stats === null || entry === null) throw notFound()
  return { entry, fingerprint: fingerprintFrom(stats) }
}

async function remove({ root }: Home, path: VirtualPath): Promise<void> {
  using folder = openFolder(root, parentOf(path))
  const at = folder.at(baseName(path))
  if (present(path, at).entry.kind === 'file') await unlink(at)
  else await rmdir(at)
}

async function removeTree({ root, staging, eraser }: Home, path: VirtualPath): Promise<void> {
  using folder = openFolder(root, parentOf(path))
  const at = folder.at(baseName(path))
  present(path, at)
  const id = staging.newName()
  const aside = staging.folder()
  await rename(at, aside.at(asideName(id)))
  eraser.add(aside, id)
}

async function move(home: Home, from: VirtualPath, to: VirtualPath, replace: boolean): Promise<void> {
  using folder = openFolder(home.root, parentOf(from))
  const at = folder.at(baseName(from))
  present(from, at)
  await moveInto(home, at, to, replace)
  if (home.durable && parentOf(from) !== parentOf(to)) await syncFolder(folder.self)
}

async function setModified(root: string, path: VirtualPath, modified: number) {
  if (path === ROOT) throw new Fault('forbidden', 'the time of a mount cannot be set')
  using folder = openFolder(root, parentOf(path))
  const at = folder.at(baseName(path))
  const { fingerprint } = present(path, at)
  const seconds = utimeOf(modified)
  await lutimes(at, seconds, seconds)
  return { before: fingerprint, entry: present(path, at).entry }
}

async function spaceOf(root: string): Promise<Space> {
  const { bsize, blocks, bfree, bavail } = await statfs(root || '/')
  return { total: blocks * bsize, available: bavail * bsize, used: (blocks - bfree) * bsize }
}
