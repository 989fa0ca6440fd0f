import fs, { constants, fstatSync } from 'node:fs'
import { Fault } from '#faults'
import { baseName, parentOf, ROOT, type VirtualPath } from '#permissions/path.ts'
import type { Entry, OpenFile } from '../../types.ts'
import { faultOf, guarded, notFound } from './errors.ts'
import { HAS_PROC, OPEN, openFolder } from './folder.ts'
import { closeAtPace, closeDescriptor, openAtPace, readAtPace, writeFully } from './io.ts'
import type { Pace } from './pace.ts'
import { entryFrom } from './stats.ts'
import { sendTo, transmit } from './transmit.ts'
import { createUses } from './uses.ts'

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants

// Kept apart from the object, so that only mounts of this kind reach the descriptor.
const descriptors = new WeakMap<OpenFile, { fd: number; run<T>(work: () => Promise<T>): Promise<T> }>()

/** Opens a regular file below `root`. Faults: not_found; unsupported for a folder. */
export async function openFile(root: string, path: VirtualPath, pace: Pace): Promise<OpenFile> {
  if (path === ROOT) throw aFolder()
  using folder = openFolder(root, parentOf(path))
  // O_NONBLOCK: opening a FIFO that someone put there must not wait for its writer.
  const flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK
  const fd = await guarded(() => openAtPace(pace, folder.at(baseName(path)), flags))
  try {
    return fileOf(fd, regular(path, fd), pace)
  } catch (error) {
    await closeDescriptor(fd)
    throw error
  }
}

/** A file at a path that nobody else can change. */
export async function openPrivate(path: string, as: VirtualPath, pace: Pace): Promise<OpenFile> {
  const fd = await guarded(() => openAtPace(pace, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK))
  try {
    return fileOf(fd, regular(as, fd), pace)
  } catch (error) {
    await closeDescriptor(fd)
    throw error
  }
}

function regular(path: VirtualPath, fd: number): Entry {
  const entry = entryFrom(path, fstatSync(fd, { bigint: true }))
  if (entry === null) throw notFound()
  if (entry.kind === 'folder') throw aFolder()
  return entry
}

function aFolder(): Fault {
  return new Fault('unsupported', 'this is a folder')
}

function fileOf(fd: number, entry: Entry, pace: Pace): OpenFile {
  const uses = createUses()
  const file: OpenFile = {
    entry,
    read: (target, position) => uses.run(() => readAtPace(pace, fd, target, position, entry.size)),
    ...(transmit && {
      sendTo: (socket, from, end) => uses.runNow(() => sendTo(pace, fd, socket, from, end)),
    }),
    async [Symbol.asyncDispose]() {
      if (await uses.end()) await closeAtPace(pace, fd, entry.size)
    },
  }
  descriptors.set(file, { fd, run: uses.run })
  return file
}

// Up to here the kernel copies in one call; above, only if it shares blocks, because a copy cannot be stopped.
const COPY_AT_ONCE = 64 * 1024 * 1024
const CHUNK = 1024 * 1024
const { COPYFILE_FICLONE, COPYFILE_FICLONE_FORCE } = constants

/** Makes the content of `source` that of the empty file `fd`. Ends with the signal's reason when it fires. */
export async function fillFrom(fd: number, source: OpenFile, signal: AbortSignal): Promise<number> {
  const { size } = source.entry
  if (await cloned(fd, source)) return size
  const buffer = Buffer.allocUnsafeSlow(Math.min(CHUNK, Math.max(size, 1)))
  let position = 0
  for (;;) {
    signal.throwIfAborted()
    const got = await source.read(buffer, position)
    if (got === 0) return position
    position += await writeFully(fd, [buffer.subarray(0, got)], position)
  }
}

async function cloned(fd: number, source: OpenFile): Promise<boolean> {
  const local = descriptors.get(source)
  if (!local || !HAS_PROC) return false
  const mode = source.entry.size <= COPY_AT_ONCE ? COPYFILE_FICLONE : COPYFILE_FICLONE_FORCE
  const error = await local.run(() => copyDescriptor(local.fd, fd, mode))
  if (error === null) return true
  if (CANNOT_CLONE.has(error.code ?? '')) return false
  throw faultOf(error)
}

const CANNOT_CLONE: ReadonlySet<string> = new Set([
  'ENOTSUP',
  'EOPNOTSUPP',
  'EXDEV',
  'EINVAL',
  'ENOTTY',
  'ENOSYS',
])

function copyDescriptor(from: number, to: number, mode: number): Promise<NodeJS.ErrnoException | null> {
  return new Promise((resolve) => fs.copyFile(`${OPEN}/${from}`, `${OPEN}/${to}`, mode, resolve))
}
