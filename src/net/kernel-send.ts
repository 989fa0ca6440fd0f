import type { Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { OpenFile } from '#files/types.ts'
import { descriptorOf } from './descriptor.ts'

/** What waits until the kernel takes more. */
const SAMPLE_BYTES = 16 * 1024

export type KernelSend = {
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
 * Sends a file from `start` until before `end`, as far as the kernel can do it by itself; resolves to where the file
 * has to be read from, which is `end` when all is sent. An ordinary write now and then waits for a connection that
 * is full, which Node tells of nothing else. Rejects with the file's faults, and as `write`.
 */
export async function sendByKernel(
  file: Pick<OpenFile, 'read' | 'sendTo'>,
  { start, end, socket, write, moved }: KernelSend,
): Promise<number> {
  if (!file.sendTo) return start
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
      const sent = descriptor === null ? null : file.sendTo(descriptor, position, end)
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
