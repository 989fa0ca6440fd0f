import type { Context } from '../context.ts'
import { readable, takeFile } from '../handles.ts'
import { endReply, finishReply, type Request, takeUint32, takeUint64 } from '../packets.ts'
import type { Content } from '../published.ts'
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
export async function read(context: Context, request: Request): Promise<Buffer | null> {
  const content = readable(takeFile(context.handles, request))
  const position = takeUint64(request)
  const wanted = Math.min(takeUint32(request), MAX_DATA)
  const length = content.available(position, wanted)
  if (length === 0) return endReply(request.id)
  const release = context.output.reserve(FRONT + length)
  try {
    return await answer(context, request.id, content, position, length)
  } finally {
    release()
  }
}

async function answer(
  { output }: Context,
  id: number,
  content: Content,
  position: number,
  length: number,
): Promise<Buffer | null> {
  const packet = takePacket(FRONT + length)
  const got = await content.read(packet.subarray(FRONT), position)
  if (got === 0) return endReply(id)
  const filled = packet.subarray(0, FRONT + got)
  filled.writeUInt32BE(got, 9)
  finishReply(filled, REPLY.data, id)
  output.send(filled, () => giveBack(packet))
  return null
}
