import { randomFillSync } from 'node:crypto'
import type { Socket } from 'node:net'
import type { Connection } from 'ssh2'
import { joinWrites } from './turns.ts'

/** Payloads of full packets; OpenSSH takes 32 KiB of channel data in one, behind 9 bytes of its own. */
const LEAST_PAYLOAD = 8 * 1024
const MOST_PAYLOAD = 32 * 1024 + 16
/** A full packet with its length, padding and the longest MAC. */
const PACKET_BYTES = MOST_PAYLOAD + 256
const MAX_SPARE = 128
/** Of the ciphers' blocks, of 8 and of 16 bytes; and a payload beyond which only blocks are added. */
const LARGEST_BLOCK = 16
const SAMPLED = 64

type Cipher = {
  allocPacket(payload: number): Buffer
  _onWrite(data: Buffer): void
}
type Transport = {
  _cipher: Cipher
  _kexinit: unknown
  _onWrite(data: Buffer): void
  readonly _packetRW: { readonly write: { alloc(payload: number, force?: boolean): Buffer } }
}
/** Bytes in all, the length field, and how many bytes of padding there are. */
type Shape = { readonly length: number; readonly field: number; readonly padding: number }
/** What stands before the payload: the length field and that of the padding. */
const HEAD = 5

const spare: Buffer[] = []
/** The full packet that was laid out last and is not sent, of each connection. */
const taken = new WeakMap<Transport, Buffer>()
const served = new WeakSet<object>()
const shapes = new WeakMap<Cipher, Map<number, Shape>>()

/**
 * Lets a connection use the memory of full packets again when the socket has sent them. ssh2 takes new memory for each
 * packet; at hundreds of MiB a second the collector is then busier than the cipher. To be called again after each key
 * exchange. Not part of ssh2's interface: its version is pinned, and where it looks different nothing changes.
 */
export function reusePackets(client: Connection, socket: Socket): void {
  const transport = transportOf(client)
  if (transport === null) return
  layOutPackets(transport)
  if (served.has(transport)) return
  served.add(transport)
  const write = transport._onWrite
  const send = (data: Buffer) => {
    if (data !== taken.get(transport)) return write(data)
    taken.delete(transport)
    joinWrites(socket)
    if (socket.writable) socket.write(data, () => giveBack(data))
  }
  // The ciphers of later key exchanges take it from the transport.
  transport._onWrite = send
  transport._cipher._onWrite = send
}

/** A key exchange makes another writer of packets. */
function layOutPackets(transport: Transport): void {
  const { write } = transport._packetRW
  if (served.has(write)) return
  served.add(write)
  const alloc = write.alloc.bind(write)
  write.alloc = (payload, force) => {
    taken.delete(transport)
    if (transport._kexinit !== undefined) return alloc(payload, force)
    const shape = shapeOf(transport._cipher, payload)
    const isFull = payload >= LEAST_PAYLOAD && payload <= MOST_PAYLOAD && shape.length <= PACKET_BYTES
    const packet = layOut(isFull ? takeFull(shape.length) : Buffer.allocUnsafe(shape.length), shape, payload)
    if (isFull) taken.set(transport, packet)
    return packet
  }
}

function takeFull(length: number): Buffer {
  return (spare.pop() ?? Buffer.allocUnsafeSlow(PACKET_BYTES)).subarray(0, length)
}

/** Writes what a packet has around its payload; gives the packet. */
function layOut(packet: Buffer, { field, padding }: Shape, payload: number): Buffer {
  packet.writeUInt32BE(field, 0)
  packet.writeUInt8(padding, 4)
  pad(packet, HEAD + payload, padding)
  return packet
}

function giveBack(packet: Buffer): void {
  if (spare.length < MAX_SPARE) spare.push(Buffer.from(packet.buffer))
}

/**
 * How the cipher lays a packet out: the padding fills its last block, so packets that differ by whole blocks differ
 * in their length only. Clients open their windows by any number of bytes: sizes are many.
 */
function shapeOf(cipher: Cipher, payload: number): Shape {
  const sample = Math.min(payload, SAMPLED + (payload % LARGEST_BLOCK))
  const { length, field, padding } = sampleOf(cipher, sample)
  const more = payload - sample
  return { length: length + more, field: field + more, padding }
}

function sampleOf(cipher: Cipher, payload: number): Shape {
  let known = shapes.get(cipher)
  if (known === undefined) {
    known = new Map()
    shapes.set(cipher, known)
  }
  const found = known.get(payload)
  if (found !== undefined) return found
  const packet = cipher.allocPacket(payload)
  const shape = { length: packet.length, field: packet.readUInt32BE(0), padding: packet.readUInt8(4) }
  known.set(payload, shape)
  return shape
}

const noise = Buffer.alloc(64 * 1024)
let noiseAt = noise.length

/** Random padding (RFC 4253 §6), made for thousands of packets at a time: asking costs more than encrypting a small packet. */
function pad(packet: Buffer, at: number, length: number): void {
  if (noiseAt + length > noise.length) {
    randomFillSync(noise)
    noiseAt = 0
  }
  noise.copy(packet, at, noiseAt, noiseAt + length)
  noiseAt += length
}

/** Null where ssh2 looks different from what is known here. */
function transportOf(client: object): Transport | null {
  const transport: unknown = Reflect.get(client, '_protocol')
  return isTransport(transport) ? transport : null
}

function isTransport(value: unknown): value is Transport {
  if (!isObject(value) || typeof Reflect.get(value, '_onWrite') !== 'function') return false
  const cipher: unknown = Reflect.get(value, '_cipher')
  const packets: unknown = Reflect.get(value, '_packetRW')
  const write: unknown = isObject(packets) ? Reflect.get(packets, 'write') : null
  return (
    isObject(cipher) &&
    typeof Reflect.get(cipher, 'allocPacket') === 'function' &&
    typeof Reflect.get(cipher, '_onWrite') === 'function' &&
    isObject(write) &&
    typeof Reflect.get(write, 'alloc') === 'function'
  )
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
