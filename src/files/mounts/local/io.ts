import fs from 'node:fs'
import { rename } from 'node:fs/promises'
import { Fault } from '#faults'
import { faultOf } from './errors.ts'
import { type Pace, SHORT_BYTES } from './pace.ts'

/** What `link` answers where the file system has no hard links, or no more for this file. */
export const NO_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'])

/** Offsets from the network reach native code, where a bad one would end the process or be misread. */
export function checkOffset(value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) throw new Fault('invalid', 'the offset is out of range')
}

export function openDescriptor(path: string, flags: number, mode = 0o644): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.open(path, flags, mode, (error, fd) => (error ? reject(error) : resolve(fd)))
  })
}

/** The same, on the event loop while the storage is quick. */
export function openAtPace(pace: Pace, path: string, flags: number, mode = 0o644): Promise<number> {
  return pace.short(
    () => fs.openSync(path, flags, mode),
    () => openDescriptor(path, flags, mode),
  )
}

/** Never rejects: there is nothing that a caller could do. */
export function closeDescriptor(fd: number): Promise<void> {
  return new Promise((resolve) => fs.close(fd, () => resolve()))
}

/** The same, of a file of `size` bytes: closing the last descriptor of a long file that is gone frees its blocks. */
export async function closeAtPace(pace: Pace, fd: number, size: number): Promise<void> {
  if (size > SHORT_BYTES) return closeDescriptor(fd)
  return pace.short(
    () => closeAtOnce(fd),
    () => closeDescriptor(fd),
  )
}

/** A rename, on the event loop while the storage is quick. */
export function renameAtPace(pace: Pace, from: string, to: string): Promise<void> {
  return pace.short(
    () => fs.renameSync(from, to),
    () => rename(from, to),
  )
}

// The descriptor is free again even when the storage reports an error.
function closeAtOnce(fd: number): void {
  try {
    fs.closeSync(fd)
  } catch {}
}

/** Fills as much of `target` as there is from `position`; 0 at the end. */
export async function readFully(fd: number, target: Uint8Array, position: number): Promise<number> {
  checkOffset(position)
  let filled = 0
  while (filled < target.byteLength) {
    const got = await readOnce(fd, target, filled, position + filled)
    if (got === 0) break
    filled += got
  }
  return filled
}

function readOnce(fd: number, target: Uint8Array, offset: number, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.read(fd, target, offset, target.byteLength - offset, position, (error, got) =>
      error ? reject(faultOf(error)) : resolve(got),
    )
  })
}

/** The same, of a file of `size` bytes: what is short is read on the event loop while the storage is quick. */
export async function readAtPace(
  pace: Pace,
  fd: number,
  target: Uint8Array,
  position: number,
  size: number,
): Promise<number> {
  if (size > SHORT_BYTES) return readFully(fd, target, position)
  checkOffset(position)
  return pace.short(
    () => readAtOnce(fd, target, position),
    () => readFully(fd, target, position),
  )
}

function readAtOnce(fd: number, target: Uint8Array, position: number): number {
  let filled = 0
  try {
    while (filled < target.byteLength) {
      const got = fs.readSync(fd, target, filled, target.byteLength - filled, position + filled)
      if (got === 0) break
      filled += got
    }
  } catch (error) {
    throw faultOf(error)
  }
  return filled
}

/** Writes all chunks, one behind the other, from `position`; resolves to the number of bytes. */
export async function writeFully(
  fd: number,
  chunks: readonly Uint8Array[],
  position: number,
): Promise<number> {
  const total = lengthOf(chunks)
  checkOffset(position)
  checkOffset(position + total)
  let pending = chunks
  let written = 0
  while (written < total) {
    const put = await writeOnce(fd, pending, position + written)
    written += put
    if (written < total) pending = behind(pending, put)
  }
  return total
}

export function lengthOf(chunks: readonly Uint8Array[]): number {
  let total = 0
  for (const chunk of chunks) total += chunk.byteLength
  return total
}

/** The same, on the event loop when it is short and the storage quick. */
export function writeAtPace(
  pace: Pace,
  fd: number,
  chunks: readonly Uint8Array[],
  position: number,
): Promise<number> {
  const total = lengthOf(chunks)
  if (total > SHORT_BYTES) return writeFully(fd, chunks, position)
  checkOffset(position)
  checkOffset(position + total)
  return pace.short(
    () => writeAtOnce(fd, chunks, position),
    () => writeFully(fd, chunks, position),
  )
}

function writeAtOnce(fd: number, chunks: readonly Uint8Array[], position: number): number {
  let written = 0
  let pending = chunks
  const total = lengthOf(chunks)
  try {
    while (written < total) {
      const put = fs.writevSync(fd, pending, position + written)
      written += put
      if (written < total) pending = behind(pending, put)
    }
  } catch (error) {
    throw faultOf(error)
  }
  return written
}

function writeOnce(fd: number, chunks: readonly Uint8Array[], position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const done = (error: NodeJS.ErrnoException | null, put: number) =>
      error ? reject(faultOf(error)) : resolve(put)
    const [only] = chunks
    if (chunks.length === 1 && only) fs.write(fd, only, 0, only.byteLength, position, done)
    else fs.writev(fd, chunks, position, done)
  })
}

function behind(chunks: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let skip = count
  const rest: Uint8Array[] = []
  for (const chunk of chunks) {
    if (skip >= chunk.byteLength) skip -= chunk.byteLength
    else {
      rest.push(skip === 0 ? chunk : chunk.subarray(skip))
      skip = 0
    }
  }
  return rest
}

export function syncDescriptor(fd: number): Promise<void> {
  return new Promise((resolve, reject) => fs.fsync(fd, (error) => (error ? reject(error) : resolve())))
}

/** Makes what was done to the names in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  const fd = await openDescriptor(path, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY)
  try {
    await syncDescriptor(fd)
  } finally {
    await closeDescriptor(fd)
  }
}

/** Milliseconds since the epoch as the seconds that utimes takes. */
export function utimeOf(modified: number): number {
  if (!Number.isFinite(modified) || Math.abs(modified) > 8.64e15) {
    throw new Fault('invalid', 'the time is out of range')
  }
  // Seconds as a float fall just short of most milliseconds, and would then be cut to the one before.
  return modified % 1000 === 0 ? modified / 1000 : modified / 1000 + 2e-7
}
