import fs from 'node:fs'
import { link, rename, unlink } from 'node:fs/promises'
import { Fault } from '#faults'
import type { VirtualPath } from '#permissions/path.ts'
import type { Publication, Staged } from '../../mount.ts'
import type { Entry } from '../../types.ts'
import { errnoOf, faultOf, guarded } from './errors.ts'
import { type Folder, openParent } from './folder.ts'
import {
  checkOffset,
  closeAtPace,
  NO_LINKS,
  readFully,
  renameAtPace,
  syncDescriptor,
  syncFolder,
  utimeOf,
  writeAtPace,
} from './io.ts'
import { SHORT_BYTES } from './pace.ts'
import { entryFrom, fingerprintFrom, look } from './stats.ts'
import { receiveFrom, transmit } from './transmit.ts'
import { moveInto, type TreeHome } from './tree.ts'
import { createUses } from './uses.ts'

/** `moveTo`: keeps it, durable when the mount is, under a name in a hidden folder. */
export type LocalStaged = Staged & { moveTo(folder: Folder, name: string): Promise<void> }

/** A staged file: `fd` open for reading and writing at the private `path`. Owns both. */
export function stagedFile(home: TreeHome, fd: number, path: string, filled: number): LocalStaged {
  const uses = createUses()
  let size = filled
  let kept = false

  async function close(): Promise<void> {
    // Unlinked before waiting for what runs: after revocation nothing of it is left at once.
    if (!kept) await unlink(path).catch(() => {})
    if (await uses.end()) await closeAtPace(home.pace, fd, size)
  }

  async function entryAt(target: VirtualPath): Promise<Entry> {
    const entry = entryFrom(target, fstat(fd))
    if (entry === null) throw new Fault('internal', 'the staged file is no file')
    return entry
  }

  return {
    get size() {
      return size
    },
    write: (chunks, position) =>
      uses.run(async () => {
        const written = await writeAtPace(home.pace, fd, chunks, position)
        if (written > 0 && position + written > size) size = position + written
      }),
    ...(transmit && {
      receiveFrom: (socket, position) =>
        uses.runNow(() => {
          const received = receiveFrom(home.pace, fd, socket, position)
          if (typeof received === 'number' && received > 0) size = Math.max(size, position + received)
          return received
        }),
    }),
    read: (target, position) => uses.run(() => readFully(fd, target, position)),
    truncate: (length) =>
      uses.run(async () => {
        checkOffset(length)
        await truncate(fd, length)
        size = length
      }),
    stat: (target) => uses.run(() => entryAt(target)),
    async publish(target, how) {
      const entry = await uses.run(() =>
        guarded(async () => {
          await publishFile(home, fd, path, target, how)
          kept = true
          return entryAt(target)
        }),
      )
      await close()
      return entry
    },
    sync: () => uses.run(() => guarded(() => syncDescriptor(fd))),
    async moveTo(folder, name) {
      await uses.run(() =>
        guarded(async () => {
          if (home.durable) await syncDescriptor(fd)
          await rename(path, folder.at(name))
          kept = true
          if (home.durable) await syncFolder(folder.self)
        }),
      )
      await close()
    },
    async lose(name) {
      await uses.run(() =>
        guarded(async () => {
          if (home.durable) await syncDescriptor(fd)
          await home.staging.inHidden(() => rename(path, home.staging.lost().at(name)))
          kept = true
          if (home.durable) await syncFolder(home.staging.lost().self)
        }),
      )
      await close()
    },
    [Symbol.asyncDispose]: close,
  }
}

async function publishFile(
  home: TreeHome,
  fd: number,
  path: string,
  target: VirtualPath,
  how: Publication,
): Promise<void> {
  const { folder: opened, name } = openParent(home.root, target)
  using folder = opened
  const replaced = await prepare(fd, folder.at(name), how)
  if (home.durable) await syncDescriptor(fd)
  if (how.before) await how.before(fingerprintFrom(fstat(fd)))
  if (how.ifAbsent) await linkInto(path, folder.at(name))
  else if (how.replaceFolder) await moveInto(home, path, target, true)
  else if (replaced > SHORT_BYTES) await rename(path, folder.at(name))
  else await renameAtPace(home.pace, path, folder.at(name))
  if (home.durable) await syncFolder(folder.self)
}

/**
 * Resolves to the bytes of the file that will be replaced: the rename frees them, which takes long for many. An
 * overwritten file keeps its mode; whatever is no file cannot be overwritten.
 */
async function prepare(fd: number, final: string, how: Publication): Promise<number> {
  const there = look(final)
  if (there?.isDirectory() && !how.replaceFolder) throw new Fault('exists', 'a folder is there')
  if (there && !there.isFile() && !there.isDirectory())
    throw new Fault('forbidden', 'this name cannot be used')
  if (there && how.ifAbsent) throw new Fault('precondition', 'a file is there already')
  if (there?.isFile()) await chmod(fd, Number(there.mode) & 0o777)
  if (how.modified !== undefined) await retime(fd, utimeOf(how.modified))
  return there?.isFile() ? Number(there.size) : 0
}

async function linkInto(path: string, final: string): Promise<void> {
  try {
    await link(path, final)
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') throw new Fault('precondition', 'a file is there already')
    if (!NO_LINKS.has(errnoOf(error))) throw error
    // File systems without hard links: what `prepare` saw, and the lock on the path, must do.
    await rename(path, final)
    return
  }
  await unlink(path).catch(() => {})
}

// Of what is open, which the kernel has at hand.
function fstat(fd: number): fs.BigIntStats {
  try {
    return fs.fstatSync(fd, { bigint: true })
  } catch (error) {
    throw faultOf(error)
  }
}

function truncate(fd: number, size: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.ftruncate(fd, size, (error) => (error ? reject(faultOf(error)) : resolve()))
  })
}

function chmod(fd: number, mode: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.fchmod(fd, mode, (error) => (error ? reject(error) : resolve()))
  })
}

function retime(fd: number, seconds: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.futimes(fd, seconds, seconds, (error) => (error ? reject(error) : resolve()))
  })
}
