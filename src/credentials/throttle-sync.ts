import { isYoung } from './age.ts'
import { FORGET_MS } from './backoff.ts'
import type { Clock, ThrottleStore } from './ports.ts'
import { KNOWN_MS, type Throttle } from './throttle.ts'

/** Tells other nodes of this one's counts and reads theirs, about once a second. */
export type ThrottleSync = AsyncDisposable & {
  /** Does it now. */
  exchange(): Promise<void>
}

export type ThrottleSyncDeps = {
  readonly throttle: Throttle
  readonly store: ThrottleStore
  readonly clock: Clock
  readonly onError: (error: unknown) => void
}

const INTERVAL_MS = 1_000
const SWEEP_MS = 60_000
// Clocks of nodes differ, and a row is written a little after its time. Totals may be read twice.
const OVERLAP_MS = 10_000

export function syncThrottle({ throttle, store, clock, onError }: ThrottleSyncDeps): ThrottleSync {
  let readUntil: number | null = null
  let sweptAt = clock.now()
  let running: Promise<void> | undefined

  async function tell(): Promise<void> {
    const counts = throttle.takeOwn()
    if (counts.length === 0) return
    try {
      await store.add(counts, clock.now() - FORGET_MS)
    } catch (error) {
      throttle.giveBack(counts)
      throw error
    }
  }

  async function read(): Promise<void> {
    const now = clock.now()
    throttle.merge(await store.since(readUntil === null ? now - KNOWN_MS : readUntil - OVERLAP_MS))
    readUntil = now
  }

  async function sweep(): Promise<void> {
    const now = clock.now()
    if (isYoung(sweptAt, SWEEP_MS, now)) return
    sweptAt = now
    await store.forget({ guesses: now - FORGET_MS, proofs: now - KNOWN_MS, future: now + FORGET_MS })
  }

  function exchange(): Promise<void> {
    running ??= tell()
      .then(read)
      .then(sweep)
      .catch(onError)
      .finally(() => {
        running = undefined
      })
    return running
  }

  const timer = setInterval(() => void exchange(), INTERVAL_MS)
  timer.unref()
  return {
    exchange,
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await running
      await tell().catch(onError)
    },
  }
}
