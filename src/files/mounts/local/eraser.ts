import type { Dirent } from 'node:fs'
import { opendir, rename, rmdir, unlink } from 'node:fs/promises'
import { errnoOf, isFault } from './errors.ts'
import { type Folder, openMember } from './folder.ts'

/** Deletes in the background what was moved into staging under the name `<id>.0`. */
export type Eraser = AsyncDisposable & {
  add(staging: Folder, id: string): void
  /** Resolves when all that was added is deleted. */
  idle(): Promise<void>
}

/** One tree after the other, in constant memory. What disposal leaves is swept at the next start. */
export function createEraser(onError: (error: unknown) => void): Eraser {
  const stop = new AbortController()
  let work: Promise<void> = Promise.resolve()
  return {
    add(staging, id) {
      work = work.then(() => erase(staging, id, stop.signal)).catch(onError)
    },
    idle: () => work,
    async [Symbol.asyncDispose]() {
      stop.abort()
      await work
    },
  }
}

/** Name of the nth folder of a tree that is being deleted. */
export function asideName(id: string, n = 0): string {
  return `${id}.${n}`
}

/**
 * A folder's folders are moved up beside it and deleted in their turn: neither depth nor breadth needs memory,
 * no path grows too long, and no link that someone swaps in is followed.
 */
async function erase(staging: Folder, id: string, stop: AbortSignal): Promise<void> {
  let count = 1
  const takeOut = async (path: Buffer) => rename(path, staging.at(asideName(id, count++)))
  for (let n = 0; n < count && !stop.aborted; n++) {
    const name = asideName(id, n)
    using folder = tryOpen(staging, name)
    if (folder === null) await unlink(staging.at(name)).catch(ignoreMissing)
    else await eraseFolder(folder, () => rmdir(staging.at(name)), takeOut, stop)
  }
}

function tryOpen(staging: Folder, name: string): Folder | null {
  try {
    return openMember(staging, name)
  } catch (error) {
    if (isFault(error, 'not_found')) return null
    throw error
  }
}

function ignoreMissing(error: unknown): void {
  if (errnoOf(error) !== 'ENOENT') throw error
}

// Reading while deleting may miss members on some file systems: then rmdir says so.
const PASSES = 20

async function eraseFolder(
  folder: Folder,
  removeIt: () => Promise<void>,
  takeOut: (path: Buffer) => Promise<void>,
  stop: AbortSignal,
): Promise<void> {
  for (let pass = 1; !stop.aborted; pass++) {
    await eraseMembers(folder, takeOut, stop)
    if (stop.aborted) return
    try {
      return await removeIt()
    } catch (error) {
      if (errnoOf(error) !== 'ENOTEMPTY' || pass === PASSES) throw error
    }
  }
}

const AT_ONCE = 64

async function eraseMembers(
  folder: Folder,
  takeOut: (path: Buffer) => Promise<void>,
  stop: AbortSignal,
): Promise<void> {
  // As bytes: names that are not valid UTF-8 go too. Node takes this encoding, its types do not know.
  const encoding = 'buffer' as BufferEncoding
  const members = await opendir(folder.self, { encoding, bufferSize: 512 })
  const base = Buffer.from(`${folder.self}/`)
  let batch: Promise<void>[] = []
  for await (const member of bytesOf(members)) {
    const path = Buffer.concat([base, member.name])
    batch.push(member.isDirectory() ? takeOut(path) : unlinkOrTakeOut(path, takeOut))
    if (batch.length < AT_ONCE) continue
    await Promise.all(batch)
    batch = []
    if (stop.aborted) return
  }
  await Promise.all(batch)
}

async function unlinkOrTakeOut(path: Buffer, takeOut: (path: Buffer) => Promise<void>): Promise<void> {
  try {
    await unlink(path)
  } catch (error) {
    if (errnoOf(error) === 'EISDIR' || errnoOf(error) === 'EPERM') await takeOut(path)
    else ignoreMissing(error)
  }
}

// Nor do they know that the names are then bytes.
async function* bytesOf(members: AsyncIterable<unknown>): AsyncGenerator<Dirent<Buffer>> {
  for await (const member of members) yield member as Dirent<Buffer>
}
