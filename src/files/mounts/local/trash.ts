import { readdir, rename } from 'node:fs/promises'
import { baseName, parentOf, type VirtualPath } from '#permissions/path.ts'
import type { MountTrash } from '../../mount.ts'
import { asideName } from './eraser.ts'
import { errnoOf, guarded, notFound } from './errors.ts'
import { openFolder } from './folder.ts'
import { syncFolder } from './io.ts'
import { look, lookLater } from './stats.ts'
import { moveInto, type TreeHome } from './tree.ts'

/** The hidden folder of a local mount that keeps deleted files. */
export function localTrash(home: () => TreeHome): MountTrash {
  return {
    put: (path, name) => guarded(() => put(home(), path, name)),
    has: async (name) => (await lookLater(home().staging.trash().at(name))) !== null,
    restore: (name, to, replace) => guarded(() => restore(home(), name, to, replace)),
    drop: (name) => guarded(() => drop(home(), name)),
    names: () => guarded(() => readdir(home().staging.trash().self)),
  }
}

async function put({ root, staging, durable }: TreeHome, path: VirtualPath, name: string): Promise<void> {
  using folder = openFolder(root, parentOf(path))
  const at = folder.at(baseName(path))
  await staging.inHidden(async () => {
    const stats = look(at)
    if (!stats?.isFile() && !stats?.isDirectory()) throw notFound()
    await rename(at, staging.trash().at(name))
  })
  if (!durable) return
  await syncFolder(staging.trash().self)
  await syncFolder(folder.self)
}

async function restore(home: TreeHome, name: string, to: VirtualPath, replace: boolean): Promise<void> {
  const trash = home.staging.trash()
  if (look(trash.at(name)) === null) throw notFound()
  await moveInto(home, trash.at(name), to, replace)
  if (home.durable) await syncFolder(trash.self)
}

async function drop({ staging, eraser }: TreeHome, name: string): Promise<void> {
  const id = staging.newName()
  const aside = staging.folder()
  try {
    await rename(staging.trash().at(name), aside.at(asideName(id)))
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return
    throw error
  }
  eraser.add(aside, id)
}
