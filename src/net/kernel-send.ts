import type { Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { OpenFile } from '#files/types.ts'
import { descriptorOf } from './descriptor.ts'

/** What waits until the kernel takes more. */
const SAMPLE_BYTES = 16 * 1024
/** What is read and written before the kernel is asked again. */
const BYTES_WHILE_SLOW = 16 * 1024 * 1024

export type KernelSend = {
  readonly file: Pick<OpenFile, 'read' | 'sendTo'>
  readonly start: number
  readonly end: number
  /** The connection, where nothing but these bytes is sent on it now. */
  socket(): Socket | null
  /** Writes in the ordinary way; resolves when the kernel has all of it: to false when the connection is lost. */
  write(sample: Uint8Array): Promise<boolean>
  /** Told how many bytes went. */
  moved?(bytes: number): void
}

/**
 * Sends a file from `start` until before `end`, by the kernel as far as it can, and otherwise by `byBlocks`, which
 * reads and writes the bytes between two positions and says how far it came: null when the connection was lost.
 * False then.
 */
export async function sendEitherWay(
  send: KernelSend,
  byBlocks: (start: number, end: number) => Promise<number | null>,
): Promise<boolean> {
  const { file, start, end, socket } = send
  for (let position = start; position < end; ) {
    const can = file.sendTo !== undefined && descriptorOf(socket()) !== null
    if (can) position = await sendByKernel({ ...send, start: position })
    // The storage is slow, which it may not stay.
    const stop = can ? Math.min(end, position + BYTES_WHILE_SLOW) : end
    const reached = position < stop ? await byBlocks(position, stop) : stop
    if (reached === null) return false
    // The file is shorter than it was.
    if (reached < stop) break
    position = stop
  }
  return true
}

/**
 * Lets the kernel send as far as it can by itself; resolves to where that ends. An ordinary write now and then waits
 * for a connection that is full, which Node tells of nothing else. Rejects with the file's faults, and as `write`.
 */
async function sendByKernel({ file, start, end, socket, write, moved }: KernelSend): Promise<number> {
  const sample = Buffer.allocUnsafeSlow(SAMPLE_BYTES)
  let position = start
  while (position < end) {
    const length = await file.read(sample.subarray(0, end - position), position)
    if (length === 0 || !(await write(sample.subarray(0, length)))) break
    position += length
    moved?.(length)
    for (;;) {
      const connection = socket()
      const descriptor = descriptorOf(connection)
      const sent = descriptor === null ? null : (file.sendTo?.(descriptor, position, end) ?? null)
      if (sent === null) return position
      if (sent === 0) break
      position += sent
      moved?.(sent)
      // Node sees nothing of what goes this way.
      connection?.setTimeout(connection.timeout ?? 0)
      await nextTurn()
    }
  }
  return position
}
