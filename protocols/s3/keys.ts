import { MAX_SEGMENT_BYTES, parsePath, type VirtualPath } from '#permissions/path.ts'
import { S3Fault } from './errors.ts'

const MAX_KEY_BYTES = 1024

/** Where a key is kept. `folder`: the key ends with `/` and speaks of a folder marker. */
export type KeyPlace = { readonly path: VirtualPath; readonly folder: boolean }

/** The place of a key in a bucket. Faults InvalidArgument, KeyTooLongError. */
export function placeOfKey(bucket: VirtualPath, key: string): KeyPlace {
  if (Buffer.byteLength(key) > MAX_KEY_BYTES) throw new S3Fault('KeyTooLongError')
  const folder = key.endsWith('/')
  const names = (folder ? key.slice(0, -1) : key).split('/')
  for (const name of names) checkName(name)
  return { path: parsePath(`${bucket}/${names.join('/')}`), folder }
}

function checkName(name: string): void {
  if (name === '' || name === '.' || name === '..' || name.includes('\0') || !name.isWellFormed()) {
    throw new S3Fault('InvalidArgument', 'A key cannot hold empty segments, ".", ".." or NUL.')
  }
  if (Buffer.byteLength(name) > MAX_SEGMENT_BYTES) {
    throw new S3Fault('KeyTooLongError', 'A segment of your key is longer than 255 bytes.')
  }
}

/** The order of S3 keys: that of their UTF-8 bytes. JavaScript's own differs above U+D7FF. */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let index = 0; index < length; index++) {
    const x = a.charCodeAt(index)
    const y = b.charCodeAt(index)
    if (x !== y) return rank(x) - rank(y)
  }
  return a.length - b.length
}

// Surrogates stand for characters above U+FFFF, so they sort behind U+E000…U+FFFF.
function rank(unit: number): number {
  if (unit < 0xd800) return unit
  return unit >= 0xe000 ? unit - 0x800 : unit + 0x2000
}

/** How `encoding-type=url` writes keys; spaces as %20, which every decoder understands. */
export function urlEncodeKey(key: string): string {
  return encodeURIComponent(key.toWellFormed())
    .replaceAll('%2F', '/')
    .replace(/[!'()*]/g, percent)
}

function percent(mark: string): string {
  return `%${mark.charCodeAt(0).toString(16).toUpperCase()}`
}
