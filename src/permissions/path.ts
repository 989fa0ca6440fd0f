import { Fault } from '#faults'

/**
 * Canonical absolute path in a site: `/`, or `/` + segments joined by `/`, no trailing slash.
 * Segments are never empty, `.` or `..`, hold no NUL and at most 255 bytes. Made by `parsePath` only.
 */
export type VirtualPath = string & { readonly __brand: 'VirtualPath' }

export const MAX_SEGMENT_BYTES = 255
export const MAX_PATH_BYTES = 4000

export const ROOT = '/' as VirtualPath
const SLASH = 0x2f

/**
 * Reads a path that is already decoded text. A trailing slash and a missing leading slash are accepted.
 * Throws Fault `invalid` for empty or dot segments, NUL, lone surrogates and over-long names.
 */
export function parsePath(text: string): VirtualPath {
  const body = text.startsWith('/') ? text.slice(1) : text
  const trimmed = body.endsWith('/') ? body.slice(0, -1) : body
  if (trimmed === '') {
    if (body === '' || text === '/') return ROOT
    throw new Fault('invalid', 'path has an empty segment')
  }
  if (isLonger(trimmed, MAX_PATH_BYTES - 1)) throw new Fault('invalid', 'path is too long')
  for (const segment of trimmed.split('/')) checkSegment(segment)
  return `/${trimmed}` as VirtualPath
}

function checkSegment(segment: string): void {
  if (segment === '') throw new Fault('invalid', 'path has an empty segment')
  if (segment === '.' || segment === '..') throw new Fault('invalid', 'path has a dot segment')
  if (segment.includes('\0')) throw new Fault('invalid', 'path has a NUL')
  if (!segment.isWellFormed()) throw new Fault('invalid', 'path is not valid Unicode')
  if (isLonger(segment, MAX_SEGMENT_BYTES)) throw new Fault('invalid', 'a name is longer than 255 bytes')
}

/** True when the text has more bytes as UTF-8; a UTF-16 unit takes three at most. */
function isLonger(text: string, bytes: number): boolean {
  return text.length * 3 > bytes && Buffer.byteLength(text) > bytes
}

/**
 * Reads what a client with a current folder typed (SFTP, FTP): relative to `base` unless absolute, with
 * `.`, `..` and repeated slashes resolved as text. `..` above the root stays at the root (POSIX).
 */
export function resolvePath(base: VirtualPath, text: string): VirtualPath {
  const parts = text.startsWith('/') ? [] : segments(base).slice()
  for (const segment of text.split('/')) {
    if (segment === '' || segment === '.') continue
    if (segment === '..') parts.pop()
    else parts.push(segment)
  }
  return parsePath(`/${parts.join('/')}`)
}

/** The names from the root down; none for `/`. */
export function segments(path: VirtualPath): readonly string[] {
  return path === ROOT ? [] : path.slice(1).split('/')
}

/** Number of segments: 0 for `/`, 1 for a top-level folder. */
export function depth(path: VirtualPath): number {
  return segments(path).length
}

/** Last segment; empty for `/`. */
export function baseName(path: VirtualPath): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** The folder that holds `path`; `/` for `/`. */
export function parentOf(path: VirtualPath): VirtualPath {
  const cut = path.lastIndexOf('/')
  return cut <= 0 ? ROOT : (path.slice(0, cut) as VirtualPath)
}

/** One name below a folder. Throws Fault `invalid` as `parsePath` does. */
export function childOf(folder: VirtualPath, name: string): VirtualPath {
  if (name.includes('/')) throw new Fault('invalid', 'a name cannot hold a slash')
  checkSegment(name)
  const path = folder === ROOT ? `/${name}` : `${folder}/${name}`
  if (isLonger(path, MAX_PATH_BYTES)) throw new Fault('invalid', 'path is too long')
  return path as VirtualPath
}

/** A path within `folder`, as seen from there: `folder` itself is `/`. */
export function seenFrom(folder: VirtualPath, path: VirtualPath): VirtualPath {
  if (folder === ROOT) return path
  return path.length === folder.length ? ROOT : (path.slice(folder.length) as VirtualPath)
}

/** The path that is seen as `path` from `folder`. Throws Fault `invalid` when it would be too long. */
export function placedIn(folder: VirtualPath, path: VirtualPath): VirtualPath {
  if (folder === ROOT) return path
  if (path === ROOT) return folder
  const whole = folder + path
  if (isLonger(whole, MAX_PATH_BYTES)) throw new Fault('invalid', 'path is too long')
  return whole as VirtualPath
}

/** True when `path` is `folder` or below it, compared by segment: `/ab` is not within `/a`. */
export function isWithin(folder: VirtualPath, path: VirtualPath): boolean {
  if (folder === ROOT || path === folder) return true
  return path.charCodeAt(folder.length) === SLASH && path.startsWith(folder)
}

/** True when `path` is below `folder` and not `folder` itself. */
export function isBelow(folder: VirtualPath, path: VirtualPath): boolean {
  return path !== folder && isWithin(folder, path)
}
