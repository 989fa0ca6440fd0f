import { constants } from 'node:fs'
import { mkdir, rename, unlink } from 'node:fs/promises'
import { Fault } from '#faults'
import type { VirtualPath } from '#permissions/path.ts'
import type { StagedFolder } from '../../mount.ts'
import { replaceAside } from './aside.ts'
import { asideName, type Eraser } from './eraser.ts'
import { guarded } from './errors.ts'
import { fillFrom } from './file.ts'
import { openParent } from './folder.ts'
import { closeDescriptor, openDescriptor, syncDescriptor, syncFolder } from './io.ts'
import type { Pace } from './pace.ts'
import type { Staging } from './staging.ts'
import { fingerprintOfDescriptor, look } from './stats.ts'

const { O_RDWR, O_CREAT, O_EXCL } = constants

export type TreeHome = {
  readonly root: string
  readonly durable: boolean
  readonly staging: Staging
  readonly eraser: Eraser
  readonly pace: Pace
}

/** A folder that is put together below staging, where nobody else can reach it. */
export async function stagedFolder(home: TreeHome): Promise<StagedFolder> {
  const staging = home.staging.folder()
  const id = home.staging.newName()
  const base = staging.at(asideName(id))
  const within = (names: readonly string[]) => [base, ...names].join('/')
  let published = false
  await guarded(() => mkdir(base, 0o755))
  return {
    folder: (names) => guarded(() => mkdir(within(names), 0o755)),
    finish: (names) => guarded(async () => (home.durable ? syncFolder(within(names)) : undefined)),
    file: (names, source, signal) =>
      guarded(async () => {
        const fd = await openDescriptor(within(names), O_RDWR | O_CREAT | O_EXCL)
        try {
          await fillFrom(fd, source, signal)
          if (home.durable) await syncDescriptor(fd)
          return fingerprintOfDescriptor(fd)
        } catch (error) {
          await unlink(within(names)).catch(() => {})
          throw error
        } finally {
          await closeDescriptor(fd)
        }
      }),
    publish: (path, replace) =>
      guarded(async () => {
        await moveInto(home, base, path, replace)
        published = true
      }),
    async [Symbol.asyncDispose]() {
      if (!published) home.eraser.add(staging, id)
    },
  }
}

/** Moves a file or folder to `path`; with `replace`, what is there goes. Faults: no_parent, exists. */
export async function moveInto(
  home: TreeHome,
  from: string,
  path: VirtualPath,
  replace: boolean,
): Promise<void> {
  const { folder: opened, name } = openParent(home.root, path)
  using folder = opened
  const final = folder.at(name)
  const there = look(final)
  if (there !== null && !there.isFile() && !there.isDirectory()) {
    throw new Fault('forbidden', 'this name cannot be used')
  }
  if (there !== null && !replace) throw new Fault('exists', 'something is there already')
  if (there === null || (there.isFile() && look(from)?.isFile())) await rename(from, final)
  else await putInPlace(home, from, path, final)
  if (home.durable) await syncFolder(folder.self)
}

async function putInPlace(home: TreeHome, from: string, path: VirtualPath, final: string): Promise<void> {
  const staging = home.staging.folder()
  const id = home.staging.newName()
  await replaceAside(staging, id, { path, final, durable: home.durable }, () => rename(from, final))
  home.eraser.add(staging, id)
}
