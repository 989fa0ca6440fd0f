/**
 * How a storage answers. A short call costs a tenth when it is made on the event loop instead of being handed to a
 * thread, but there it holds up everybody while the storage is slow (docs/decisions/0019).
 */
export type Pace = {
  /** `atOnce` on the event loop while the storage answers quickly, `later` otherwise. Errors of either are the call's. */
  short<T>(atOnce: () => T, later: () => Promise<T>): Promise<T>
}

/** A call that took longer is followed by a rest, in which others wait in threads. */
const SLOW_MS = 2
/** Times as long as it took: the event loop stands still for a thirtieth of the time at most. */
const REST = 30

/** `now` in milliseconds, of a clock that never goes back. */
export function createPace(now: () => number = () => performance.now()): Pace {
  let restsUntil = Number.NEGATIVE_INFINITY
  return {
    async short(atOnce, later) {
      const from = now()
      if (from < restsUntil) return later()
      try {
        return atOnce()
      } finally {
        const to = now()
        if (to - from > SLOW_MS) restsUntil = to + (to - from) * REST
      }
    },
  }
}

/** Above this many bytes a call is not short. */
export const SHORT_BYTES = 64 * 1024
