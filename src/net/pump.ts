import { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Writable } from 'node:stream'
import type { OpenFile } from '#files/types.ts'
import { sendEitherWay } from './kernel-send.ts'

const BUFFER_BYTES = 512 * 1024
const SHORT_BYTES = 16 * 1024

/** The part of an OpenFile that sending needs. */
export type ByteSource = Pick<OpenFile, 'read' | 'sendTo'>

/** Bytes from `start` up to and not including `end`. */
export type ByteSpan = { readonly start: number; readonly end: number }

/**
 * Sends part of a file and resolves when the kernel has taken all of it; does not end `target`. Two buffers take
 * turns: one is read while the other is written, which is two to three times faster than a read stream. The
 * target must be done with a chunk when it calls back, as sockets are and a PassThrough is not. Rejects when the
 * target closes, the signal aborts or the file is shorter than `end`.
 */
export async function sendFile(
  file: ByteSource,
  target: Writable,
  span: ByteSpan,
  signal?: AbortSignal,
): Promise<void> {
  const { start, end } = span
  using writer = blockWriter(target)
  const write = async (block: Uint8Array) => {
    if (signal?.aborted) throw signal.reason
    await writer.write(block)
    return true
  }
  if (end - start <= BUFFER_BYTES) return void (await sendBlocks(file, write, span))
  await sendEitherWay({ file, start, end, socket: () => plainConnection(target), write }, (from, until) =>
    sendBlocks(file, write, { start: from, end: until }),
  )
}

/** Resolves to `end`. */
async function sendBlocks(
  file: ByteSource,
  write: (block: Uint8Array) => Promise<unknown>,
  { start, end }: ByteSpan,
): Promise<number> {
  if (end <= start) return end
  let current: Buffer = Buffer.allocUnsafe(Math.min(BUFFER_BYTES, end - start))
  let spare: Buffer | null = null
  let written: Promise<unknown> = Promise.resolve()
  for (let position = start; position < end; ) {
    const wanted = Math.min(current.length, end - position)
    const length = await whileWriting(file.read(current.subarray(0, wanted), position), written)
    if (length === 0) throw shorter()
    written = write(length === current.length ? current : current.subarray(0, length))
    position += length
    if (position < end) [current, spare] = [spare ?? Buffer.allocUnsafe(current.length), current]
  }
  await written
  return end
}

/** The connection on which a response is sent as it is. */
function plainConnection(target: Writable): Socket | null {
  if (!(target instanceof ServerResponse) || target.chunkedEncoding) return null
  return target.socket
}

/**
 * Sends part of a file and ends `target`. What is short goes out together with the head, and is not waited for: it
 * fits into what the kernel takes at once.
 */
export async function endWithFile(
  file: ByteSource,
  target: Writable,
  span: ByteSpan,
  signal?: AbortSignal,
): Promise<void> {
  const wanted = span.end - span.start
  if (wanted > SHORT_BYTES) {
    await sendFile(file, target, span, signal)
    target.end()
    return
  }
  const block = Buffer.allocUnsafe(wanted)
  const length = wanted === 0 ? 0 : await file.read(block, span.start)
  if (signal?.aborted) throw signal.reason
  if (length < wanted) throw shorter()
  target.end(block)
}

function shorter(): Error {
  return new Error('file is shorter than what was promised')
}

/** The result of a read that goes on beside a write; both are over when this settles, none is left unhandled. */
async function whileWriting(reading: Promise<number>, written: Promise<unknown>): Promise<number> {
  const [read, write] = await Promise.allSettled([reading, written])
  if (write.status === 'rejected') throw write.reason
  if (read.status === 'rejected') throw read.reason
  return read.value
}

/** Writes one block at a time; a target that closes rejects the write that waits. */
function blockWriter(target: Writable): Disposable & { write(block: Uint8Array): Promise<void> } {
  let rejectPending: ((error: Error) => void) | null = null
  const onClose = () => rejectPending?.(new Error('connection closed while sending'))
  target.on('close', onClose)
  return {
    write: (block) =>
      new Promise((resolve, reject) => {
        if (target.destroyed) {
          reject(new Error('connection closed while sending'))
          return
        }
        rejectPending = reject
        target.write(block, (error) => (error ? reject(error) : resolve()))
      }),
    [Symbol.dispose]: () => {
      target.off('close', onClose)
    },
  }
}
