import { constants, fstatSync } from 'node:fs'
import { readdir, rename, unlink } from 'node:fs/promises'
import type { MountLost, Staged } from '../../mount.ts'
import { errnoOf, guarded } from './errors.ts'
import { closeDescriptor, openDescriptor } from './io.ts'
import type { TreeHome } from './tree.ts'

const { O_RDWR, O_NOFOLLOW } = constants

type Adopt = (fd: number, path: string, size: number) => Staged

/** The hidden folder of a local mount that keeps uploads whose connection was lost. */
export function localLost(home: () => TreeHome, adopt: Adopt): MountLost {
  return {
    resume: (name) => guarded(() => resume(home(), name, adopt)),
    drop: (name) => guarded(() => drop(home(), name)),
    names: () => guarded(() => readdir(home().staging.lost().self)),
  }
}

// First among what this process stages, so that no other one can take it too, and a crash drops it.
async function resume({ staging }: TreeHome, name: string, adopt: Adopt): Promise<Staged> {
  const path = staging.folder().at(staging.newName())
  await rename(staging.lost().at(name), path)
  try {
    const fd = await openDescriptor(path, O_RDWR | O_NOFOLLOW)
    try {
      return adopt(fd, path, fstatSync(fd).size)
    } catch (error) {
      await closeDescriptor(fd)
      throw error
    }
  } catch (error) {
    await unlink(path).catch(() => {})
    throw error
  }
}

async function drop({ staging }: TreeHome, name: string): Promise<void> {
  try {
    await unlink(staging.lost().at(name))
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
  }
}
