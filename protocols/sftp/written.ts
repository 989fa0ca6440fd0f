/** Which part of a file that is being written has no holes: from there its uploader can go on. */
export type Written = {
  add(position: number, length: number): void
  truncate(size: number): void
  /** Bytes from the beginning without a hole; 0 when what was there before was written over. */
  solid(): number
}

/** WRITEs that are ahead of the others; clients that pipeline have a few. Beyond, what is ahead is forgotten. */
const MOST_AHEAD = 256

/**
 * `size` bytes are there. `foreign`: they are of the published file, and a file in which only some of them were
 * written over is no beginning of anything.
 */
export function createWritten(size: number, foreign: boolean): Written {
  let solid = size
  let untouchable = foreign ? size : 0
  let spoiled = false
  /** End by start, of what lies behind a hole. */
  const ahead = new Map<number, number>()

  const closeGaps = () => {
    for (let moved = true; moved; ) {
      moved = false
      for (const [start, end] of ahead) {
        if (start > solid) continue
        ahead.delete(start)
        solid = Math.max(solid, end)
        moved = true
      }
    }
  }

  return {
    add(position, length) {
      if (position < untouchable) spoiled = true
      const end = position + length
      if (position <= solid) {
        solid = Math.max(solid, end)
        if (ahead.size > 0) closeGaps()
      } else if (ahead.size < MOST_AHEAD || ahead.has(position)) {
        ahead.set(position, Math.max(end, ahead.get(position) ?? 0))
      }
    },
    truncate(length) {
      solid = Math.min(solid, length)
      untouchable = Math.min(untouchable, length)
      for (const [start, end] of ahead) {
        if (start >= length) ahead.delete(start)
        else ahead.set(start, Math.min(end, length))
      }
    },
    solid: () => (spoiled ? 0 : solid),
  }
}
