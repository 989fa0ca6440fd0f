import { randomUUID } from 'node:crypto'
import { constants, mkdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { Fault } from '#faults'
import { RESERVED } from '../../mount.ts'
import { errnoOf, faultOf, guarded } from './errors.ts'
import { type Folder, openReal } from './folder.ts'
import { forgetInstance, newInstance } from './instance.ts'
import { openAtPace } from './io.ts'
import type { Pace } from './pace.ts'

const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = constants

/** The hidden folders of one mount. This process stages in a folder of its own, so that a sweep can tell. */
export type Staging = AsyncDisposable & {
  /** This process's staging folder, made when it is missing. */
  folder(): Folder
  /** Where all processes stage. */
  everyones(): Folder
  /** One folder of part files for each multipart upload. */
  multipart(): Folder
  /** What was deleted and is kept for a while. */
  trash(): Folder
  /** Uploads whose connection was lost. */
  lost(): Folder
  /** A new empty file. */
  create(): Promise<{ fd: number; path: string }>
  /** A name that is not taken. */
  newName(): string
  /** `work` with hidden folders; once more when someone removed them. Rejects with errors of the file system. */
  inHidden<T>(work: () => Promise<T>): Promise<T>
}

export function createStaging(root: () => string, pace: Pace): Staging {
  const instance = newInstance()
  const opened = new Map<string, Folder>()
  // Closed at the end only: staged files still speak of their folder by its descriptor.
  const retired: Folder[] = []

  function hidden(...names: string[]): Folder {
    const key = names.join('/')
    const known = opened.get(key)
    if (known) return known
    const folder = makeFolders(root(), [RESERVED, ...names])
    opened.set(key, folder)
    return folder
  }

  async function create(): Promise<{ fd: number; path: string }> {
    const path = hidden('staging', instance).at(newName())
    return { fd: await openAtPace(pace, path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW), path }
  }

  function forgetOpened(): void {
    retired.push(...opened.values())
    opened.clear()
  }

  async function inHidden<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error
      // Someone removed the hidden folder: make it anew, once.
      forgetOpened()
      return await work()
    }
  }

  return {
    folder: () => hidden('staging', instance),
    everyones: () => hidden('staging'),
    multipart: () => hidden('multipart'),
    trash: () => hidden('trash'),
    lost: () => hidden('lost'),
    newName,
    inHidden,
    create: () => guarded(() => inHidden(create)),
    async [Symbol.asyncDispose]() {
      try {
        if (opened.has(`staging/${instance}`)) {
          await rm(hidden('staging').at(instance), { recursive: true, force: true })
        }
      } catch {
        // The storage is away: a sweep takes it when it is back.
      }
      forgetOpened()
      for (const folder of retired) folder[Symbol.dispose]()
      forgetInstance(instance)
    },
  }
}

// Made from randomness that node fetches for many at once.
function newName(): string {
  return randomUUID()
}

function makeFolders(root: string, names: readonly string[]): Folder {
  let real = root
  for (const name of names) {
    using parent = openHidden(real || '/')
    makeFolder(parent.at(name))
    real = `${real}/${name}`
  }
  return openHidden(real)
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw faultOf(error)
  }
}

function openHidden(real: string): Folder {
  try {
    return openReal(real)
  } catch (error) {
    throw new Fault('unavailable', 'the storage has no place for staging', { cause: error })
  }
}
