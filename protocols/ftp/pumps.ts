import type { Socket } from 'node:net'
import type { OpenFile, StagedUpload } from '#files/types.ts'
import { descriptorOf } from '#net/descriptor.ts'
import { sendEitherWay } from '#net/kernel-send.ts'
import type { LineEnds } from './ascii.ts'
import type { Inbox } from './inbox.ts'

const BLOCK_BYTES = 512 * 1024

/** Writes and waits until the kernel has it, so that the buffer may be used again; false when the peer is gone. */
export function writeTo(socket: Socket, bytes: Uint8Array): Promise<boolean> {
  return new Promise((resolve) => {
    // Node reports a write that was cut short by destroy() as done.
    socket.write(bytes, (error) => resolve(!error && !socket.destroyed))
  })
}

export type PumpOptions = {
  /** Where in the file the first byte is. */
  readonly start: number
  readonly lineEnds: LineEnds | null
  /** Told how many bytes were read from the file, or came from the client. */
  moved(bytes: number): void
}

type SendOptions = PumpOptions & { readonly end: number }

/** Sends a file from `start` until before `end`; false when the connection is lost. Rejects when it cannot be read. */
export async function sendFile(file: OpenFile, socket: Socket, options: SendOptions): Promise<boolean> {
  const { start, end, lineEnds } = options
  if (lineEnds !== null || end - start <= BLOCK_BYTES)
    return (await sendBlocks(file, socket, options)) !== null
  const write = (sample: Uint8Array) => writeTo(socket, sample)
  return sendEitherWay({ ...options, file, socket: () => socket, write }, (from, until) =>
    sendBlocks(file, socket, { ...options, start: from, end: until }),
  )
}

/**
 * Resolves to how far the file went; null when the connection is lost. Two buffers take turns: one is read while the
 * other is written.
 */
async function sendBlocks(file: OpenFile, socket: Socket, options: SendOptions): Promise<number | null> {
  const { start, end, lineEnds, moved } = options
  const first = Buffer.allocUnsafeSlow(Math.min(BLOCK_BYTES, end - start))
  const second = end - start > BLOCK_BYTES ? Buffer.allocUnsafeSlow(BLOCK_BYTES) : first
  let buffer = first
  let written = Promise.resolve(true)
  let position = start
  while (position < end) {
    const room = end - position
    const length = await file.read(room < buffer.length ? buffer.subarray(0, room) : buffer, position)
    if (!(await written)) return null
    if (length === 0) return position
    const block = length === buffer.length ? buffer : buffer.subarray(0, length)
    written = writeTo(socket, lineEnds ? lineEnds.convert(block) : block)
    position += length
    moved(length)
    buffer = buffer === first ? second : first
  }
  return (await written) ? position : null
}

/** The part of a staged upload that receiving needs. */
type Receiver = Pick<StagedUpload, 'write' | 'receiveFrom'>

/**
 * Writes all that the client sends to a staged upload. `whole`: its end came, not the end of the connection;
 * `end`: behind the last byte written. Rejects when the upload cannot be written. No write runs on when this
 * settles.
 */
export async function receiveFile(
  inbox: Inbox,
  upload: Receiver,
  options: PumpOptions,
): Promise<{ whole: boolean; end: number }> {
  const { start, lineEnds, moved } = options
  let position = start
  inbox.start(moved)
  for (;;) {
    const { chunks, state } = await inbox.take()
    const pieces = lineEnds ? chunks.map((chunk) => lineEnds.convert(chunk)) : chunks
    if (lineEnds && state === 'ended') pieces.push(lineEnds.flush())
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0)
    if (length > 0) await upload.write(pieces, position)
    position += length
    if (state !== 'open') return { whole: state === 'ended', end: position }
    const socket = lineEnds ? null : inbox.direct()
    if (socket === null) continue
    const bytes = receiveByKernel(socket, upload, position)
    position += bytes
    moved(bytes)
    inbox.passed(bytes)
  }
}

/** Lets the kernel write what came behind what was read. */
function receiveByKernel(socket: Socket, upload: Receiver, position: number): number {
  const descriptor = descriptorOf(socket)
  const received = descriptor === null ? null : upload.receiveFrom(descriptor, position)
  if (received === 'lost') socket.destroy()
  return typeof received === 'number' ? received : 0
}
