import { isUtf8 } from 'node:buffer'
import { Fault } from '#faults'
import { ROOT, resolvePath, type VirtualPath } from '#permissions/path.ts'
import { REPLY, REQUEST, STATUS, type StatusCode } from './wire.ts'

/** More than the fields in front of a WRITE's bytes can take: handles are at most 256 bytes. */
const WRITE_FIELDS = 300

/** One request while it is read: fields are taken from `bytes` at `at`; `tail` follows, for WRITE only. */
export type Request = {
  readonly type: number
  readonly id: number
  /** All of the packet. */
  readonly size: number
  readonly bytes: Buffer
  readonly tail: readonly Buffer[]
  /** What relative paths start from. */
  readonly home: VirtualPath
  at: number
}

/** Reads type and id (for INIT the version). Faults: `invalid` for a packet that has not even these. */
export function openRequest(pieces: Buffer[], home: VirtualPath = ROOT): Request {
  const size = pieces.reduce((sum, piece) => sum + piece.length, 0)
  if (size < 5) throw new Fault('invalid', 'packet is too short')
  const contiguous = pieces[0]?.[0] === REQUEST.write ? Math.min(size, WRITE_FIELDS) : size
  const [bytes, tail] = join(pieces, contiguous)
  return { type: bytes.readUInt8(0), id: bytes.readUInt32BE(1), size, bytes, tail, home, at: 5 }
}

/** The first pieces as one buffer of at least `length` bytes, and what follows. Copies only when it must. */
function join(pieces: Buffer[], length: number): [Buffer, readonly Buffer[]] {
  let count = 0
  let bytes = 0
  for (const piece of pieces) {
    if (bytes >= length) break
    bytes += piece.length
    count += 1
  }
  const [first] = pieces
  const head = count === 1 && first !== undefined ? first : Buffer.concat(pieces.slice(0, count))
  return [head, count === pieces.length ? [] : pieces.slice(count)]
}

function advance(request: Request, length: number): number {
  const start = request.at
  if (start + length > request.bytes.length) throw new Fault('invalid', 'packet is truncated')
  request.at = start + length
  return start
}

export function takeUint32(request: Request): number {
  return request.bytes.readUInt32BE(advance(request, 4))
}

/**
 * Sizes and offsets. Above 2^53 nothing can be stored, and node reads or writes at the current position
 * instead of failing: Fault `invalid`.
 */
export function takeUint64(request: Request): number {
  const start = advance(request, 8)
  const value = request.bytes.readUInt32BE(start) * 0x1_0000_0000 + request.bytes.readUInt32BE(start + 4)
  if (!Number.isSafeInteger(value)) throw new Fault('invalid', 'number is too large')
  return value
}

/** A `string` field, not copied. */
export function takeBytes(request: Request): Buffer {
  const length = takeUint32(request)
  const start = advance(request, length)
  return request.bytes.subarray(start, start + length)
}

/** A `string` field as text. Faults: `invalid` when it is not UTF-8, which would name another file. */
export function takeText(request: Request): string {
  const bytes = takeBytes(request)
  if (!isUtf8(bytes)) throw new Fault('invalid', 'name is not UTF-8')
  return bytes.toString('utf8')
}

/** A path as clients send it: relative to the home folder, dots resolved as text. */
export function takePath(request: Request): VirtualPath {
  return resolvePath(request.home, takeText(request))
}

/**
 * The bytes of a WRITE in the pieces in which they came. What follows them is passed over: rclone sends its
 * whole buffer behind a length that is smaller.
 */
export function takeData(request: Request): { chunks: Buffer[]; length: number } {
  const length = takeUint32(request)
  const chunks: Buffer[] = []
  let missing = length
  for (const piece of [request.bytes.subarray(request.at), ...request.tail]) {
    if (missing === 0) break
    const chunk = piece.length > missing ? piece.subarray(0, missing) : piece
    if (chunk.length > 0) chunks.push(chunk)
    missing -= chunk.length
  }
  if (missing > 0) throw new Fault('invalid', 'packet is truncated')
  return { chunks, length }
}

/** A packet with its length, type and id written; the body starts at 9. */
export function startReply(type: number, id: number, bodyBytes: number): Buffer {
  const packet = Buffer.allocUnsafe(9 + bodyBytes)
  finishReply(packet, type, id)
  return packet
}

/** Writes length, type and id at the front of a packet whose body is already there. */
export function finishReply(packet: Buffer, type: number, id: number): void {
  packet.writeUInt32BE(packet.length - 4, 0)
  packet.writeUInt8(type, 4)
  packet.writeUInt32BE(id, 5)
}

/** Writes a `string` field; returns where the next one starts. */
export function putText(packet: Buffer, text: string, at: number): number {
  const length = packet.write(text, at + 4)
  packet.writeUInt32BE(length, at)
  return at + 4 + length
}

export function putUint64(packet: Buffer, value: number, at: number): number {
  packet.writeUInt32BE(Math.floor(value / 0x1_0000_0000), at)
  packet.writeUInt32BE(value % 0x1_0000_0000, at + 4)
  return at + 8
}

export function statusReply(id: number, code: StatusCode, message = ''): Buffer {
  const packet = startReply(REPLY.status, id, 12 + Buffer.byteLength(message))
  packet.writeUInt32BE(code, 9)
  packet.writeUInt32BE(0, putText(packet, message, 13))
  return packet
}

export function okReply(id: number): Buffer {
  return statusReply(id, STATUS.ok)
}

export function endReply(id: number): Buffer {
  return statusReply(id, STATUS.eof)
}

/** A handle goes out as its number in 4 bytes. */
export function handleReply(id: number, handle: number): Buffer {
  const packet = startReply(REPLY.handle, id, 8)
  packet.writeUInt32BE(4, 9)
  packet.writeUInt32BE(handle, 13)
  return packet
}
