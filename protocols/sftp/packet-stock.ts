import { randomFillSync } from 'node:crypto'
import type { Socket } from 'node:net'
import type { ServerChannel } from 'ssh2'

/** Payloads of full packets; OpenSSH takes 32 KiB of channel data in one, behind 9 bytes of its own. */
const LEAST_PAYLOAD = 8 * 1024
const MOST_PAYLOAD = 32 * 1024 + 16
/** A full packet with its length, padding and the longest MAC. */
const PACKET_BYTES = MOST_PAYLOAD + 256
const MAX_SPARE = 128
const MAX_SHAPES = 64

type Cipher = { allocPacket(payload: number): Buffer; _onWrite(data: Buffer): void }
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
const served = new WeakSet<Transport>()
const shapes = new WeakMap<Cipher, Map<number, Shape>>()

/**
 * Lets a connection use the memory of full packets again when the socket has sent them, and send all of a turn in one
 * call of the system. ssh2 takes new memory for each packet; at hundreds of MiB a second the collector is then busier
 * than the cipher. Not part of ssh2's interface: its version is pinned, and where it looks different nothing changes.
 */
export function reusePackets(channel: ServerChannel, socket: Socket): void {
  const transport = transportOf(channel)
  if (transport === null || served.has(transport)) return
  served.add(transport)
  const { write } = transport._packetRW
  const alloc = write.alloc.bind(write)
  let taken: Buffer | null = null
  let isCorked = false

  write.alloc = (payload, force) => {
    taken = null
    const shape = transport._kexinit === undefined ? shapeOf(transport._cipher, payload) : null
    if (shape === null) return alloc(payload, force)
    const isFull = payload >= LEAST_PAYLOAD && payload <= MOST_PAYLOAD && shape.length <= PACKET_BYTES
    const packet = layOut(isFull ? takeFull(shape.length) : Buffer.allocUnsafe(shape.length), shape, payload)
    if (isFull) taken = packet
    return packet
  }
  // The ciphers of later key exchanges take it from the transport.
  const onWrite = transport._onWrite
  const uncork = () => {
    isCorked = false
    socket.uncork()
  }
  const send = (data: Buffer) => {
    // What one turn sends goes to the kernel in one call, not in one for each packet.
    if (!isCorked) {
      isCorked = true
      socket.cork()
      process.nextTick(uncork)
    }
    if (data !== taken) return onWrite(data)
    taken = null
    if (socket.writable) socket.write(data, () => giveBack(data))
  }
  transport._onWrite = send
  transport._cipher._onWrite = send
}

function takeFull(length: number): Buffer {
  return (spare.pop() ?? Buffer.allocUnsafeSlow(PACKET_BYTES)).subarray(0, length)
}

function layOut(packet: Buffer, { field, padding }: Shape, payload: number): Buffer {
  packet.writeUInt32BE(field, 0)
  packet.writeUInt8(padding, 4)
  pad(packet, HEAD + payload, padding)
  return packet
}

function giveBack(packet: Buffer): void {
  if (spare.length < MAX_SPARE) spare.push(Buffer.from(packet.buffer))
}

/** How the cipher lays a packet out: asked once for each size, of which sessions have few. Null when there are many. */
function shapeOf(cipher: Cipher, payload: number): Shape | null {
  let known = shapes.get(cipher)
  if (known === undefined) {
    known = new Map()
    shapes.set(cipher, known)
  }
  const found = known.get(payload)
  if (found !== undefined || known.size >= MAX_SHAPES) return found ?? null
  const sample = cipher.allocPacket(payload)
  const shape = {
    length: sample.length,
    field: sample.readUInt32BE(0),
    padding: sample.readUInt8(4),
  }
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

function transportOf(channel: ServerChannel): Transport | null {
  const client: unknown = Reflect.get(channel, '_client')
  const transport: unknown = isObject(client) ? Reflect.get(client, '_protocol') : null
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
