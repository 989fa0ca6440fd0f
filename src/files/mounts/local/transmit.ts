import { createRequire } from 'node:module'
import type { Received, SocketDescriptor } from '../../types.ts'
import { faultOf } from './errors.ts'
import { checkOffset } from './io.ts'
import type { Pace } from './pace.ts'

/** What `native/transmit.c` offers. Lengths and positions in bytes. */
type Transmit = {
  sendFile(file: number, socket: number, position: number, length: number): number
  receiveFile(socket: number, file: number, position: number, length: number): number
}

/** Bytes in one call, which holds up everybody. */
const MOST_AT_ONCE = 256 * 1024

const BUILT = '../../../../native/build/Release/transmit.node'

/** Null where it was not built: on systems other than Linux, or without a compiler. */
export const transmit: Transmit | null = load()

function load(): Transmit | null {
  try {
    const addon: Transmit = createRequire(import.meta.url)(BUILT)
    return addon
  } catch {
    return null
  }
}

/** As OpenFile's. */
export function sendTo(
  pace: Pace,
  fd: number,
  socket: SocketDescriptor,
  position: number,
  end: number,
): number | null {
  checkOffset(position)
  const length = Math.min(MOST_AT_ONCE, end - position)
  if (transmit === null || length <= 0) return null
  return pace.now(length, () => transmit.sendFile(fd, socket, position, length))
}

/** As StagedUpload's. */
export function receiveFrom(pace: Pace, fd: number, socket: SocketDescriptor, position: number): Received {
  checkOffset(position + MOST_AT_ONCE)
  if (transmit === null) return null
  try {
    const received = pace.now(MOST_AT_ONCE, () => transmit.receiveFile(socket, fd, position, MOST_AT_ONCE))
    return received === -1 ? 'lost' : received
  } catch (error) {
    throw faultOf(error)
  }
}
