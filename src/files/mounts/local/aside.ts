import { constants } from 'node:fs'
import { readFile, rename, unlink } from 'node:fs/promises'
import { parsePath, type VirtualPath } from '#permissions/path.ts'
import { asideName } from './eraser.ts'
import { isFault } from './errors.ts'
import { type Folder, openParent } from './folder.ts'
import { closeDescriptor, openDescriptor, syncDescriptor, syncFolder, writeFully } from './io.ts'
import { look } from './stats.ts'

const { O_WRONLY, O_CREAT, O_EXCL } = constants
const NOTE = '.aside'

/**
 * Puts what `replacement` moves in place of what is at `path`, which goes to staging under `<id>.0`. A note tells
 * the next start where to put it back, should a crash come between the two steps.
 */
export async function replaceAside(
  staging: Folder,
  id: string,
  at: { readonly path: VirtualPath; readonly final: string; readonly durable: boolean },
  replacement: () => Promise<void>,
): Promise<void> {
  const note = staging.at(id + NOTE)
  const aside = staging.at(asideName(id))
  await writeNote(note, at.path)
  if (at.durable) await syncFolder(staging.self)
  try {
    await rename(at.final, aside)
    await replacement()
  } catch (error) {
    if (look(aside) !== null && look(at.final) === null) await rename(aside, at.final)
    await unlink(note)
    throw error
  }
  await unlink(note)
}

async function writeNote(note: string, path: VirtualPath): Promise<void> {
  const fd = await openDescriptor(note, O_WRONLY | O_CREAT | O_EXCL, 0o600)
  try {
    await writeFully(fd, [Buffer.from(path)], 0)
    await syncDescriptor(fd)
  } finally {
    await closeDescriptor(fd)
  }
}

/** Undoes the replacements that a crash cut in two, in the staging folder of a process that is gone. */
export async function restoreAsides(root: string, staging: Folder, names: readonly string[]): Promise<void> {
  for (const name of names) {
    if (name.endsWith(NOTE)) await restore(root, staging, name)
  }
}

async function restore(root: string, staging: Folder, note: string): Promise<void> {
  const text = await readFile(staging.at(note), 'utf8')
  const aside = staging.at(asideName(note.slice(0, -NOTE.length)))
  // An empty note was never finished, so nothing was moved.
  if (text === '' || look(aside) === null) return
  try {
    const { folder: opened, name } = openParent(root, parsePath(text))
    using folder = opened
    if (look(folder.at(name)) === null) await rename(aside, folder.at(name))
    // What happens at the name from now on is somebody else's.
    await unlink(staging.at(note))
  } catch (error) {
    if (!isFault(error, 'no_parent')) throw error
  }
}
