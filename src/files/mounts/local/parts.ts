import { mkdir, readdir, rename, unlink } from 'node:fs/promises'
import { ROOT } from '#permissions/path.ts'
import type { KeptPart, MountParts, StagedPartFile } from '../../mount.ts'
import type { OpenFile } from '../../types.ts'
import { asideName } from './eraser.ts'
import { errnoOf, guarded, isFault } from './errors.ts'
import { openPrivate } from './file.ts'
import { type Folder, openMember } from './folder.ts'
import { syncFolder } from './io.ts'
import { joinInPlace } from './join-parts.ts'
import { takeSlot } from './part-slot.ts'
import { isPart, type Slot, sealedName, slotFor, slotOf, startOf, wholeName } from './slots.ts'
import type { TreeHome } from './tree.ts'
import type { LocalStaged } from './upload.ts'

/** What parts need of their mount. */
export type PartsHome = TreeHome & {
  stage(signal: AbortSignal): Promise<LocalStaged>
  /** Takes a file in staging over. */
  adopt(fd: number, path: string, size: number): LocalStaged
}

/** The multipart uploads of a local mount: a hidden folder for each. */
export function localParts(home: () => PartsHome): MountParts {
  const longest = createLengths()
  return {
    async stage(uploadId, { number, size }, signal) {
      const inWhole = async (bytes: number) => {
        const slot = slotFor(number, longest.with(uploadId, bytes))
        return slot && inSlot(home(), uploadId, slot, bytes)
      }
      const taken = size ? await guarded(() => inWhole(size)) : null
      return taken ?? ownFile(home(), uploadId, await home().stage(signal))
    },
    open: (uploadId, part) => openPart(home(), uploadId, part),
    names: (uploadId) => guarded(async () => (await namesOf(home(), uploadId)).filter(isPart)),
    drop: (uploadId, name) =>
      guarded(async () => {
        using folder = folderOf(home(), uploadId)
        await unlink(folder.at(name))
      }),
    dropAll: (uploadId) => guarded(() => dropAll(home(), uploadId)),
    join: (uploadId, parts) => guarded(() => join(home(), uploadId, parts)),
  }
}

// Of how many uploads the length of the parts is remembered. The next part of any other sets it anew.
const REMEMBERED = 1_000

/** The longest part of each upload so far: the length of all but the last, as clients cut files. */
function createLengths() {
  const lengths = new Map<string, number>()
  return {
    with(uploadId: string, size: number): number {
      const length = Math.max(size, lengths.get(uploadId) ?? 0)
      lengths.delete(uploadId)
      lengths.set(uploadId, length)
      const [oldest] = lengths.keys()
      if (lengths.size > REMEMBERED && oldest !== undefined) lengths.delete(oldest)
      return length
    },
  }
}

/** Fault not_found when no part of the upload was ever received, or it has ended. */
function folderOf({ staging }: PartsHome, uploadId: string): Folder {
  return openMember(staging.multipart(), uploadId)
}

async function makeFolder(home: PartsHome, uploadId: string): Promise<Folder> {
  const multipart = home.staging.multipart()
  try {
    await mkdir(multipart.at(uploadId), 0o700)
    if (home.durable) await syncFolder(multipart.self)
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error
  }
  return folderOf(home, uploadId)
}

async function inSlot(
  home: PartsHome,
  uploadId: string,
  slot: Slot,
  size: number,
): Promise<StagedPartFile | null> {
  using folder = await makeFolder(home, uploadId)
  const { durable } = home
  return await takeSlot({ durable, open: () => folderOf(home, uploadId) }, folder, slot, size)
}

function ownFile(home: PartsHome, uploadId: string, staged: LocalStaged): StagedPartFile {
  return {
    get size() {
      return staged.size
    },
    write: (chunks, position) => staged.write(chunks, position),
    async keep(name) {
      using folder = await guarded(() => makeFolder(home, uploadId))
      await staged.moveTo(folder, name)
      return name
    },
    [Symbol.asyncDispose]: () => staged[Symbol.asyncDispose](),
  }
}

async function openPart(home: PartsHome, uploadId: string, { name, size }: KeptPart): Promise<OpenFile> {
  using folder = folderOf(home, uploadId)
  const slot = slotOf(name)
  if (slot === null) return await openPrivate(folder.at(name), ROOT, home.pace)
  const whole = await openWhole(home, folder, slot.length)
  const start = startOf(slot)
  return {
    entry: { ...whole.entry, size },
    read: (target, position) =>
      whole.read(target.subarray(0, Math.max(0, size - position)), start + position),
    [Symbol.asyncDispose]: whole[Symbol.asyncDispose],
  }
}

// Sealed first: a slot that comes too late may have made the other one anew.
async function openWhole({ pace }: PartsHome, folder: Folder, length: number): Promise<OpenFile> {
  try {
    return await openPrivate(folder.at(sealedName(length)), ROOT, pace)
  } catch (error) {
    if (!isFault(error, 'not_found')) throw error
    return openPrivate(folder.at(wholeName(length)), ROOT, pace)
  }
}

async function namesOf(home: PartsHome, uploadId: string): Promise<string[]> {
  try {
    return await readdir(home.staging.multipart().at(uploadId))
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  }
}

async function dropAll(home: PartsHome, uploadId: string): Promise<void> {
  const id = home.staging.newName()
  const staging = home.staging.folder()
  try {
    await rename(home.staging.multipart().at(uploadId), staging.at(asideName(id)))
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return
    throw error
  }
  home.eraser.add(staging, id)
}

async function join(home: PartsHome, uploadId: string, parts: readonly KeptPart[]) {
  using folder = folderOf(home, uploadId)
  const { staging, adopt, durable } = home
  const newPath = () => staging.folder().at(staging.newName())
  return await joinInPlace({ durable, newPath, adopt }, folder, parts)
}
