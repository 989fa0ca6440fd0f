import type { Context, Reply } from '../context.ts'
import { readable, takeFile } from '../handles.ts'
import { endReply, finishReply, type Request, takeUint32, takeUint64 } from '../packets.ts'
import { MAX_DATA, REPLY } from '../wire.ts'

/** Length, type, id and the length of the bytes. */
const FRONT = 13
/** Larger packets come from a stock: the system's allocator gives and takes their pages each time. */
const POOLED = 32 * 1024
const MAX_SPARE = 32
const spare: Buffer[] = []

function takePacket(size: number): Buffer {
  if (size <= POOLED) return Buffer.allocUnsafe(size)
  return (spare.pop() ?? Buffer.allocUnsafeSlow(FRONT + MAX_DATA)).subarray(0, size)
}

function giveBack(packet: Buffer): void {
  if (packet.length > POOLED && spare.length < MAX_SPARE) spare.push(Buffer.from(packet.buffer))
}

/**
 * READ: the file is read straight into the packet. Never short before the end, or OpenSSH makes its
 * requests smaller for the rest of the transfer. Runs beside other requests.
 */
export async function read({ handles, output }: Context, request: Request): Promise<Buffer | Reply> {
  const content = readable(takeFile(handles, request))
  const position = takeUint64(request)
  const wanted = Math.min(takeUint32(request), MAX_DATA)
  const length = content.available(position, wanted)
  if (length === 0) return endReply(request.id)
  const release = output.reserve(FRONT + length)
  try {
    const whole = takePacket(FRONT + length)
    const got = await content.read(whole.subarray(FRONT), position)
    const packet = got === 0 ? endReply(request.id) : fill(whole, got, request.id)
    const sent = () => {
      giveBack(whole)
      release()
    }
    return { packet, sent }
  } catch (error) {
    release()
    throw error
  }
}

function fill(whole: Buffer, got: number, id: number): Buffer {
  const packet = whole.subarray(0, FRONT + got)
  packet.writeUInt32BE(got, 9)
  finishReply(packet, REPLY.data, id)
  return packet
}
