import { constants } from 'node:fs'
import { unlink } from 'node:fs/promises'
import { Fault } from '#faults'
import type { StagedPartFile } from '../../mount.ts'
import { errnoOf, guarded } from './errors.ts'
import type { Folder } from './folder.ts'
import { closeDescriptor, lengthOf, openDescriptor, syncDescriptor, syncFolder, writeFully } from './io.ts'
import { claimName, keptInSlot, type Slot, sealedName, startOf, wholeName } from './slots.ts'
import { look } from './stats.ts'
import { createUses } from './uses.ts'

const { O_RDWR, O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants

export type SlotHome = {
  readonly durable: boolean
  /** The upload's folder. Faults: not_found when the upload has ended. */
  open(): Folder
}

/** A part of at most `size` bytes in a slot in the upload's `folder`; null when that, or all, are given out. */
export async function takeSlot(
  home: SlotHome,
  folder: Folder,
  slot: Slot,
  size: number,
): Promise<StagedPartFile | null> {
  if (!(await claim(folder, slot))) return null
  let fd: number | undefined
  try {
    fd = await openDescriptor(folder.at(wholeName(slot.length)), O_RDWR | O_CREAT | O_NOFOLLOW)
    // Looked at behind the claim: whoever seals looks for claims behind the seal.
    if (look(folder.at(sealedName(slot.length))) === null) return partIn(home, slot, size, fd)
  } catch (error) {
    await release(home, slot, fd)
    throw error
  }
  await release(home, slot, fd)
  return null
}

async function claim(folder: Folder, slot: Slot): Promise<boolean> {
  try {
    await closeDescriptor(await openDescriptor(folder.at(claimName(slot)), O_WRONLY | O_CREAT | O_EXCL))
    return true
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false
    throw error
  }
}

async function release(home: SlotHome, slot: Slot, fd: number | undefined): Promise<void> {
  if (fd !== undefined) await closeDescriptor(fd)
  try {
    using folder = home.open()
    await unlink(folder.at(claimName(slot)))
  } catch {
    // The upload ended: its folder is gone.
  }
}

/** Owns `fd` and the claim. */
function partIn(home: SlotHome, slot: Slot, limit: number, fd: number): StagedPartFile {
  const uses = createUses()
  const start = startOf(slot)
  let size = 0
  let asked = 0
  let kept = false

  async function close(): Promise<void> {
    if (!(await uses.end())) return
    if (kept) await closeDescriptor(fd)
    else await release(home, slot, fd)
  }

  return {
    get size() {
      return size
    },
    write: (chunks, position) =>
      uses.run(async () => {
        const end = position + lengthOf(chunks)
        // Behind the slot is another part; a gap in it could show what was there before.
        if (end > limit || position > asked)
          throw new Fault('invalid', 'the part is not as long as it was said')
        asked = Math.max(asked, end)
        await writeFully(fd, chunks, start + position)
        size = Math.max(size, end)
      }),
    async keep(name) {
      const as = keptInSlot(name, slot)
      await uses.run(() =>
        guarded(async () => {
          if (home.durable) await syncDescriptor(fd)
          using folder = home.open()
          await closeDescriptor(await openDescriptor(folder.at(as), O_WRONLY | O_CREAT))
          kept = true
          if (home.durable) await syncFolder(folder.self)
        }),
      )
      await close()
      return as
    },
    [Symbol.asyncDispose]: close,
  }
}
