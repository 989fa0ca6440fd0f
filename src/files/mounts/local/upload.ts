import fs from 'node:fs'
import { link, rename, unlink } from 'node:fs/promises'
import { Fault } from '#faults'
import type { VirtualPath } from '#permissions/path.ts'
import type { Publication, Staged } from '../../mount.ts'
import type { Entry, Received, SocketDescriptor } from '../../types.ts'
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
import { receiveFrom } from './transmit.ts'
import { moveInto, type TreeHome } from './tree.ts'
import { createUses } from './uses.ts'

/** `moveTo`: keeps it, durable when the mount is, under a name in a hidden folder. */
export type LocalStaged = Staged & { moveTo(folder: Folder, name: string): Promise<void> }

/** A staged file: `fd` open for reading and writing at the private `path`. Owns both. */
export function stagedFile(home: TreeHome, fd: number, path: string, filled: number): LocalStaged {
  return new StagedFile(home, fd, path, filled)
}

class StagedFile implements LocalStaged {
  readonly #home: TreeHome
  readonly #fd: number
  readonly #path: string
  readonly #uses = createUses()
  #size: number
  #kept = false

  constructor(home: TreeHome, fd: number, path: string, filled: number) {
    this.#home = home
    this.#fd = fd
    this.#path = path
    this.#size = filled
  }

  get size(): number {
    return this.#size
  }

  write(chunks: readonly Uint8Array[], position: number): Promise<void> {
    return this.#uses.run(async () => {
      const written = await writeAtPace(this.#home.pace, this.#fd, chunks, position)
      if (written > 0) this.#filledTo(position + written)
    })
  }

  receiveFrom(socket: SocketDescriptor, position: number): Received {
    return this.#uses.runNow(() => {
      const received = receiveFrom(this.#home.pace, this.#fd, socket, position)
      if (typeof received === 'number' && received > 0) this.#filledTo(position + received)
      return received
    })
  }

  read(target: Uint8Array, position: number): Promise<number> {
    return this.#uses.run(() => readFully(this.#fd, target, position))
  }

  truncate(length: number): Promise<void> {
    return this.#uses.run(async () => {
      checkOffset(length)
      await truncate(this.#fd, length)
      this.#size = length
    })
  }

  stat(target: VirtualPath): Promise<Entry> {
    return this.#uses.run(async () => this.#entryAt(target))
  }

  async publish(target: VirtualPath, how: Publication): Promise<Entry> {
    const entry = await this.#uses.run(() =>
      guarded(async () => {
        await publishFile(this.#home, this.#fd, this.#path, target, how)
        this.#kept = true
        return this.#entryAt(target)
      }),
    )
    await this[Symbol.asyncDispose]()
    return entry
  }

  sync(): Promise<void> {
    return this.#uses.run(() => guarded(() => syncDescriptor(this.#fd)))
  }

  moveTo(folder: Folder, name: string): Promise<void> {
    return this.#keepAs(
      () => folder,
      async () => rename(this.#path, folder.at(name)),
    )
  }

  lose(name: string): Promise<void> {
    const { staging } = this.#home
    const into = () => staging.lost()
    return this.#keepAs(into, () => staging.inHidden(() => rename(this.#path, into().at(name))))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Unlinked before waiting for what runs: after revocation nothing of it is left at once.
    if (!this.#kept) await unlink(this.#path).catch(() => {})
    if (await this.#uses.end()) await closeAtPace(this.#home.pace, this.#fd, this.#size)
  }

  #filledTo(end: number): void {
    if (end > this.#size) this.#size = end
  }

  #entryAt(target: VirtualPath): Entry {
    const entry = entryFrom(target, fstat(this.#fd))
    if (entry === null) throw new Fault('internal', 'the staged file is no file')
    return entry
  }

  async #keepAs(folder: () => Folder, move: () => Promise<void>): Promise<void> {
    const { durable } = this.#home
    await this.#uses.run(() =>
      guarded(async () => {
        if (durable) await syncDescriptor(this.#fd)
        await move()
        this.#kept = true
        if (durable) await syncFolder(folder().self)
      }),
    )
    await this[Symbol.asyncDispose]()
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
  const final = folder.at(name)
  const there = look(final)
  if (how.check) await how.check(there === null ? null : entryFrom(target, there))
  checkReplaceable(there, how)
  // An overwritten file keeps its mode.
  if (there?.isFile()) await chmod(fd, Number(there.mode) & 0o777)
  if (how.modified !== undefined) await retime(fd, utimeOf(how.modified))
  if (home.durable) await syncDescriptor(fd)
  if (how.before) await how.before(fingerprintFrom(fstat(fd)))
  if (how.ifAbsent || (how.asChecked && there === null)) await linkInto(path, final)
  else if (how.replaceFolder) await moveInto(home, path, target, true)
  // Frees what is replaced, which takes long for many bytes.
  else if (there?.isFile() && there.size > SHORT_BYTES) await rename(path, final)
  else await renameAtPace(home.pace, path, final)
  if (home.durable) await syncFolder(folder.self)
}

/** Whatever is no file cannot be overwritten. */
function checkReplaceable(there: fs.BigIntStats | null, how: Publication): void {
  if (there === null) return
  if (there.isDirectory() && !how.replaceFolder) throw new Fault('exists', 'a folder is there')
  if (!there.isFile() && !there.isDirectory()) throw new Fault('forbidden', 'this name cannot be used')
  if (how.ifAbsent) throw new Fault('precondition', 'a file is there already')
}

async function linkInto(path: string, final: string): Promise<void> {
  try {
    await link(path, final)
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') throw new Fault('precondition', 'a file is there already')
    if (!NO_LINKS.has(errnoOf(error))) throw error
    // File systems without hard links: what was looked at, and the lock on the path, must do.
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
