import type { Entry } from '#files/types.ts'
import {
  finishReply,
  putText,
  putUint64,
  type Request,
  startReply,
  takeBytes,
  takeUint32,
  takeUint64,
} from './packets.ts'
import { REPLY } from './wire.ts'

const FLAG = { size: 1, owner: 2, mode: 4, times: 8, extended: 0x8000_0000 } as const

/** What a client asks to set; a field that it did not send is absent. */
export type Attributes = {
  readonly size?: number
  /** Masked: a mode above 2^31 aborts the process in `fs`. Nothing here keeps modes; it is read and dropped. */
  readonly mode?: number
  /** Milliseconds since the epoch. */
  readonly modified?: number
  /** An owner was sent: files have none. */
  readonly owned?: true
}

/** Reads an ATTRS structure; access time and extended attributes are passed over. */
export function takeAttributes(request: Request): Attributes {
  const flags = takeUint32(request)
  const attributes: { -readonly [key in keyof Attributes]: Attributes[key] } = {}
  if (flags & FLAG.size) attributes.size = takeUint64(request)
  if (flags & FLAG.owner) {
    takeUint32(request)
    takeUint32(request)
    attributes.owned = true
  }
  if (flags & FLAG.mode) attributes.mode = takeUint32(request) & 0o7777
  if (flags & FLAG.times) {
    takeUint32(request)
    attributes.modified = takeUint32(request) * 1000
  }
  if (flags & FLAG.extended) takeExtended(request)
  return attributes
}

function takeExtended(request: Request): void {
  for (let pairs = takeUint32(request); pairs > 0; pairs--) {
    takeBytes(request)
    takeBytes(request)
  }
}

/** The part of an entry that clients see. */
export type Shown = Pick<Entry, 'name' | 'kind' | 'size' | 'modified'>

/** Bytes of an ATTRS structure as `putAttributes` writes it: size, mode and times; no owner is known. */
const ATTRIBUTES_BYTES = 24
const FOLDER_MODE = 0o40755
const FILE_MODE = 0o100644

function putAttributes(packet: Buffer, entry: Omit<Shown, 'name'>, at: number): number {
  packet.writeUInt32BE(FLAG.size | FLAG.mode | FLAG.times, at)
  putUint64(packet, entry.size, at + 4)
  packet.writeUInt32BE(entry.kind === 'folder' ? FOLDER_MODE : FILE_MODE, at + 12)
  const seconds = unixSeconds(entry.modified)
  packet.writeUInt32BE(seconds, at + 16)
  packet.writeUInt32BE(seconds, at + 20)
  return at + ATTRIBUTES_BYTES
}

/** Version 3 has 32 bits for a time. */
function unixSeconds(milliseconds: number): number {
  return Math.min(Math.max(Math.floor(milliseconds / 1000), 0), 0xffff_ffff)
}

export function attributesReply(id: number, entry: Omit<Shown, 'name'>): Buffer {
  const packet = startReply(REPLY.attributes, id, ATTRIBUTES_BYTES)
  putAttributes(packet, entry, 9)
  return packet
}

/** The answer to REALPATH: one name without attributes. */
export function pathReply(id: number, path: string): Buffer {
  const packet = startReply(REPLY.name, id, 16 + 2 * Buffer.byteLength(path))
  packet.writeUInt32BE(1, 9)
  packet.writeUInt32BE(0, putText(packet, path, putText(packet, path, 13)))
  return packet
}

/** Every client takes a packet of this size (the draft asks for 34,000). */
const LISTING_BYTES = 32 * 1024
/** A name twice, the columns in front of it, attributes and lengths. */
const LARGEST_NAME_BYTES = 2 * 255 + 64 + ATTRIBUTES_BYTES + 8

/** A READDIR answer of as many entries as fit, from `from` on; tells how many those are. */
export function listingReply(
  id: number,
  entries: readonly Shown[],
  from: number,
  now: number,
): { packet: Buffer; count: number } {
  const buffer = Buffer.allocUnsafe(LISTING_BYTES)
  let at = 13
  let next = from
  for (let entry = entries[next]; entry !== undefined; entry = entries[next]) {
    if (at + LARGEST_NAME_BYTES > LISTING_BYTES) break
    at = putText(buffer, entry.name, at)
    at = putText(buffer, longName(entry, now), at)
    at = putAttributes(buffer, entry, at)
    next += 1
  }
  const packet = buffer.subarray(0, at)
  packet.writeUInt32BE(next - from, 9)
  finishReply(packet, REPLY.name, id)
  return { packet, count: next - from }
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const HALF_A_YEAR = 182 * 24 * 3600 * 1000

/** The line of `ls -l`, which OpenSSH's `sftp` prints as it comes: control characters are masked. */
export function longName(entry: Shown, now: number): string {
  const mode = entry.kind === 'folder' ? 'drwxr-xr-x' : '-rw-r--r--'
  const name = entry.name.replace(/[\x00-\x1f\x7f]/g, '?')
  return `${mode}    1 0        0        ${String(entry.size).padStart(10)} ${listDate(entry.modified, now)} ${name}`
}

function listDate(modified: number, now: number): string {
  const date = new Date(unixSeconds(modified) * 1000)
  const day = `${MONTHS[date.getUTCMonth()]} ${String(date.getUTCDate()).padStart(2)}`
  if (Math.abs(now - modified) > HALF_A_YEAR) return `${day}  ${date.getUTCFullYear()}`
  const two = (part: number) => String(part).padStart(2, '0')
  return `${day} ${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`
}
