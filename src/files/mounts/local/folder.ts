import { closeSync, constants, existsSync, lstatSync, openSync, readlinkSync, realpathSync } from 'node:fs'
import { Fault } from '#faults'
import { baseName, parentOf, ROOT, type VirtualPath } from '#permissions/path.ts'
import { errnoOf, faultOf, isFault, notFound } from './errors.ts'
import { createHeldFolders } from './held-folders.ts'

/**
 * A folder that was really reached without following a link. `at(name)` is a path of a member that stays in this
 * very folder even if the tree is changed meanwhile.
 */
export type Folder = Disposable & { readonly self: string; at(name: string): string }

// Opens a place in the tree without reading it. Not among fs.constants.
const O_PATH = 0x20_0000
const { O_NOFOLLOW, O_DIRECTORY } = constants
/** Linux: what is open has a path of its own. */
export const HAS_PROC = existsSync('/proc/self/fd')
/** What this process has open, by number. By its own name it is a link less to follow than by `self`, at each use. */
export const OPEN = HAS_PROC ? `/proc/${readlinkSync('/proc/self')}/fd` : ''
const TRIES = 5
const held = createHeldFolders()

/** The real path of a mount's root; Fault `unavailable` when it is not there. */
export function realRoot(configured: string): string {
  try {
    const real = realpathSync.native(configured)
    return real === '/' ? '' : real
  } catch (error) {
    throw new Fault('unavailable', 'the storage is not there', { cause: error })
  }
}

/**
 * Opens a folder below the real path `root`. Faults: not_found, also when a link is on the way; unavailable when
 * the root itself is gone.
 */
export function openFolder(root: string, path: VirtualPath): Folder {
  try {
    return openReal(path === ROOT ? root || '/' : root + path)
  } catch (error) {
    if (isFault(error, 'not_found') && !existsSync(root || '/')) {
      throw new Fault('unavailable', 'the storage is not there', { cause: error })
    }
    throw error
  }
}

/** The folder that holds `path`, and the last name. Faults: as openFolder; no_parent instead of not_found. */
export function openParent(root: string, path: VirtualPath): { folder: Folder; name: string } {
  try {
    return { folder: openFolder(root, parentOf(path)), name: baseName(path) }
  } catch (error) {
    if (isFault(error, 'not_found')) throw new Fault('no_parent', 'the folder to put it in does not exist')
    throw error
  }
}

/**
 * Two system calls at any depth, one when it was used a moment ago. Free of races because the path of what was
 * really opened is compared at each use: had any component been a link at that instant, it would be another path.
 */
export function openReal(real: string): Folder {
  if (!HAS_PROC) return walk(real)
  const known = held.take(real)
  if (known !== undefined) {
    if (linkOf(known.fd) === real) return new OpenFolder(known.fd, known.release)
    known.drop()
  }
  for (let tries = 1; ; tries++) {
    const fd = openPath(real)
    const opened = linkOf(fd)
    if (opened === real) return new OpenFolder(fd, held.keep(real, fd).release)
    closeSync(fd)
    // Replaced by another folder between the two calls: look again.
    if (tries === TRIES || !opened.endsWith(' (deleted)')) throw notFound()
  }
}

/** A folder directly in one that is held open, not a link to one. Fault not_found. */
export function openMember(folder: Folder, name: string): Folder {
  if (!HAS_PROC) return walk(folder.at(name))
  const fd = openPath(folder.at(name))
  return new OpenFolder(fd, () => closeSync(fd))
}

function openPath(path: string): number {
  try {
    return openSync(path, O_PATH | O_NOFOLLOW | O_DIRECTORY)
  } catch (error) {
    throw faultOf(error)
  }
}

/** Empty when the kernel does not say. */
function linkOf(fd: number): string {
  try {
    return readlinkSync(`${OPEN}/${fd}`)
  } catch {
    return ''
  }
}

class OpenFolder implements Folder {
  readonly self: string
  #close: (() => void) | null

  constructor(fd: number, close: () => void) {
    this.self = `${OPEN}/${fd}`
    this.#close = close
  }

  at(name: string): string {
    return `${this.self}/${name}`
  }

  [Symbol.dispose](): void {
    this.#close?.()
    this.#close = null
  }
}

// Where there is no /proc (macOS), each component is looked at instead. That is not free of races: someone who can
// change the tree with other programs could swap a link in between look and use.
function walk(real: string): Folder {
  let at = ''
  for (const name of real.split('/').slice(1)) {
    at += `/${name}`
    if (!isPlainFolder(at)) throw notFound()
  }
  return { self: real, at: (name) => `${real}/${name}`, [Symbol.dispose]() {} }
}

function isPlainFolder(path: string): boolean {
  try {
    return lstatSync(path).isDirectory()
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return false
    throw faultOf(error)
  }
}
