import { constants, fstatSync } from 'node:fs'
import { link, readdir, unlink } from 'node:fs/promises'
import type { KeptPart, Staged } from '../../mount.ts'
import { errnoOf } from './errors.ts'
import type { Folder } from './folder.ts'
import { closeDescriptor, NO_LINKS, openDescriptor, syncFolder } from './io.ts'
import { claimedNumbers, sealedName, slotOf, startOf, wholeName } from './slots.ts'

const { O_RDWR, O_NOFOLLOW } = constants

export type JoinHome = {
  readonly durable: boolean
  /** A path in staging that is not taken. */
  newPath(): string
  /** Takes a file in staging over. */
  adopt(fd: number, path: string, size: number): Staged
}

/**
 * A staged file that is the first of these parts, as many as lie behind each other, without copying: the file of
 * their slots under a second name. Null when there is none, or when somebody may still write to that file, or it
 * holds parts besides. Dropping what is returned leaves the parts as they were.
 */
export async function joinInPlace(
  home: JoinHome,
  folder: Folder,
  parts: readonly KeptPart[],
): Promise<{ staged: Staged; joined: number } | null> {
  const length = slotOf(parts[0]?.name ?? '')?.length
  if (length === undefined) return null
  const { joined, end } = together(parts, length)
  if (joined === 0) return null
  if (!(await seal(home, folder, length))) return null
  const taken = claimedNumbers(await readdir(folder.self), length)
  // The numbers of those joined are 1, 2, 3 …
  if (taken.some((number) => number > joined)) return null
  const staged = await secondName(home, folder.at(sealedName(length)), end)
  return staged && { staged, joined }
}

function together(parts: readonly KeptPart[], length: number): { joined: number; end: number } {
  let joined = 0
  let end = 0
  for (const { name, size } of parts) {
    const slot = slotOf(name)
    if (slot?.length !== length || startOf(slot) !== end) break
    joined += 1
    end += size
  }
  return { joined, end }
}

// A second name and then the first away, not a rename: what is sealed is never replaced. A part that came too late may
// have made an empty file under the first name again.
async function seal({ durable }: JoinHome, folder: Folder, length: number): Promise<boolean> {
  const whole = folder.at(wholeName(length))
  try {
    await link(whole, folder.at(sealedName(length)))
  } catch (error) {
    // Sealed before, by a completion that failed.
    if (errnoOf(error) === 'EEXIST' || errnoOf(error) === 'ENOENT') return true
    if (NO_LINKS.has(errnoOf(error))) return false
    throw error
  }
  // The parts are acknowledged: on disk under the one name before they lose the other.
  if (durable) await syncFolder(folder.self)
  await unlink(whole)
  return true
}

/** Null for a file that has a second name already: it may be in use as an object. */
async function secondName(home: JoinHome, sealed: string, size: number): Promise<Staged | null> {
  const fd = await openDescriptor(sealed, O_RDWR | O_NOFOLLOW)
  const path = home.newPath()
  try {
    if (fstatSync(fd).nlink !== 1) {
      await closeDescriptor(fd)
      return null
    }
    await link(sealed, path)
  } catch (error) {
    await closeDescriptor(fd)
    if (NO_LINKS.has(errnoOf(error))) return null
    throw error
  }
  const staged = home.adopt(fd, path, size)
  try {
    // Cuts off what a dropped part left behind, and makes the file as new as its completion.
    await staged.truncate(size)
    return staged
  } catch (error) {
    await staged[Symbol.asyncDispose]()
    throw error
  }
}
