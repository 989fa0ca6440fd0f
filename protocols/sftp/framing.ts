import { Fault } from '#faults'
import { MAX_PACKET } from './wire.ts'

/** Takes the channel's bytes as they come; throws Fault `invalid` for a length that cannot be served. */
export type Framer = (chunk: Buffer) => void

/**
 * Cuts a stream into SFTP packets. Each is delivered as the pieces in which it came, without its length
 * field: nothing is copied.
 */
export function createFramer(deliver: (pieces: Buffer[]) => void): Framer {
  const header = Buffer.alloc(4)
  let headerBytes = 0
  let pieces: Buffer[] = []
  let missing = 0

  const takeHeader = (chunk: Buffer): Buffer => {
    const taken = chunk.copy(header, headerBytes, 0, 4 - headerBytes)
    headerBytes += taken
    if (headerBytes === 4) {
      missing = header.readUInt32BE(0)
      if (missing === 0 || missing > MAX_PACKET) throw new Fault('invalid', 'packet length out of range')
    }
    return chunk.subarray(taken)
  }

  const takeBody = (chunk: Buffer): Buffer => {
    const piece = chunk.length > missing ? chunk.subarray(0, missing) : chunk
    pieces.push(piece)
    missing -= piece.length
    if (missing === 0) {
      const packet = pieces
      pieces = []
      headerBytes = 0
      deliver(packet)
    }
    return chunk.subarray(piece.length)
  }

  return (chunk) => {
    let rest = chunk
    while (rest.length > 0) rest = headerBytes < 4 ? takeHeader(rest) : takeBody(rest)
  }
}
