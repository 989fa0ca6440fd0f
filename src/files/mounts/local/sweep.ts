import { readdir, rename } from 'node:fs/promises'
import { restoreAsides } from './aside.ts'
import { asideName, type Eraser } from './eraser.ts'
import { type Folder, openMember } from './folder.ts'
import { isAlive } from './instance.ts'
import type { Staging } from './staging.ts'
import { look } from './stats.ts'

/** Undoes the replacements that processes which are gone did not finish. */
export async function restoreStaging(root: string, staging: Staging): Promise<void> {
  const everyones = staging.everyones()
  for (const name of await readdir(everyones.self)) {
    if (!isAlive(name)) await restoreLost(root, everyones, name)
  }
}

/** Removes what processes that are gone left in staging, and the parts of uploads that do not exist. */
export async function sweepStaging(
  root: string,
  staging: Staging,
  eraser: Eraser,
  uploads: () => Promise<ReadonlySet<string>>,
): Promise<void> {
  const everyones = staging.everyones()
  for (const name of await readdir(everyones.self)) {
    if (isAlive(name)) continue
    await restoreLost(root, everyones, name)
    await takeAway(staging, eraser, everyones.at(name))
  }
  const multipart = staging.multipart()
  // Folders first, then rows: an upload that starts in between has its row before its folder.
  const folders = await readdir(multipart.self)
  const known = folders.length === 0 ? new Set<string>() : await uploads()
  for (const name of folders) {
    if (!known.has(name)) await takeAway(staging, eraser, multipart.at(name))
  }
  await eraser.idle()
}

async function restoreLost(root: string, everyones: Folder, name: string): Promise<void> {
  if (!look(everyones.at(name))?.isDirectory()) return
  using folder = openMember(everyones, name)
  await restoreAsides(root, folder, await readdir(folder.self))
}

async function takeAway(staging: Staging, eraser: Eraser, path: string): Promise<void> {
  const id = staging.newName()
  await rename(path, staging.folder().at(asideName(id)))
  eraser.add(staging.folder(), id)
}
