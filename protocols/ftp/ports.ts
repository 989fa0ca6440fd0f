import { randomInt } from 'node:crypto'

export type PassivePorts = { readonly from: number; readonly to: number } | 'any'

/** The ports on which this door may wait for data connections. */
export type PortPool = {
  /**
   * A free port, 0 to let the system choose, null when all are taken. Starts at a random place, so that the
   * next port cannot be guessed.
   */
  take(): number | null
  release(port: number): void
  /** How often to try when another program holds a port. */
  readonly size: number
}

export function createPortPool(range: PassivePorts): PortPool {
  if (range === 'any') return { take: () => 0, release: () => {}, size: 1 }
  const size = range.to - range.from + 1
  if (!(size >= 1)) throw new RangeError('passivePorts: `to` must not be below `from`')
  const taken = new Set<number>()
  return {
    size,
    take() {
      if (taken.size >= size) return null
      let offset = randomInt(size)
      while (taken.has(range.from + offset)) offset = (offset + 1) % size
      taken.add(range.from + offset)
      return range.from + offset
    },
    release: (port) => {
      taken.delete(port)
    },
  }
}
