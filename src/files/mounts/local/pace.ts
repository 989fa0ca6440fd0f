/**
 * How a storage answers. A short call costs a tenth when it is made on the event loop instead of being handed to a
 * thread, but there it holds up everybody while the storage is slow (docs/decisions/0014).
 */
export type Pace = {
  /** `atOnce` on the event loop while the storage answers quickly, `later` otherwise. Errors of either are the call's. */
  short<T>(atOnce: () => T, later: () => Promise<T>): Promise<T>
  /**
   * The same for up to `bytes`, which may take so much longer, where there is no `later`: null while the storage is
   * slow.
   */
  now<T>(bytes: number, atOnce: () => T): T | null
}

/** Above this many bytes a call is not short. */
export const SHORT_BYTES = 64 * 1024
/** A call may take this long for nothing: the machine was busy otherwise. */
const FREE_MS = 1
/** Milliseconds beyond that until short calls are left to threads. */
const MOST_DEBT_MS = 25
/** Of what time passes, this part is forgiven: so much of it the event loop stands still at most. */
const FORGIVEN = 1 / 20

/** `now` in milliseconds, of a clock that never goes back. */
export function createPace(now: () => number = () => performance.now()): Pace {
  let debt = 0
  let countedAt = now()
  /** Whether the storage is quick, as of `from`. */
  function isQuick(from: number): boolean {
    if (debt === 0) return true
    debt = Math.max(0, debt - (from - countedAt) * FORGIVEN)
    countedAt = from
    return debt <= MOST_DEBT_MS
  }

  function timed<T>(from: number, free: number, atOnce: () => T): T {
    try {
      return atOnce()
    } finally {
      const took = now() - from
      if (took > free) {
        debt += took - free
        countedAt = from + took
      }
    }
  }

  return {
    async short(atOnce, later) {
      const from = now()
      return isQuick(from) ? timed(from, FREE_MS, atOnce) : later()
    },
    now(bytes, atOnce) {
      const from = now()
      return isQuick(from) ? timed(from, FREE_MS * Math.max(1, bytes / SHORT_BYTES), atOnce) : null
    },
  }
}
