import { isYoung } from './age.ts'
import type { Clock } from './ports.ts'

/** Wrong tries by name, and how long each name has to wait for them. Bounded; quiet names are forgotten. */
export type Backoff = {
  add(name: string): void
  /** What is known from elsewhere takes the place of what was counted here. */
  set(name: string, failures: number, at: number): void
  clear(name: string): void
  /** Milliseconds until the next try; 0 for at once. */
  remaining(name: string): number
}

export type BackoffOptions = {
  /** Wrong tries without any delay: people mistype. */
  readonly free: number
  /** Milliseconds. The first delay is a second, each further one twice as long, up to this. */
  readonly longest: number
}

/** A name is forgotten when it was quiet for so long. */
export const FORGET_MS = 60 * 60_000
const MAX_NAMES = 100_000
const FIRST_MS = 1_000

export function createBackoff(clock: Clock, { free, longest }: BackoffOptions): Backoff {
  const counts = new Map<string, { readonly failures: number; readonly at: number }>()

  function current(name: string) {
    const held = counts.get(name)
    const now = clock.now()
    if (held === undefined || isYoung(held.at, FORGET_MS, now)) return held
    if (held.at <= now) return undefined
    // The clock was put back: as if it had been now, or the wait would last until the clock has caught up.
    set(name, held.failures, now)
    return counts.get(name)
  }

  function set(name: string, failures: number, at: number): void {
    const now = clock.now()
    const held = counts.get(name)
    // Of the future, and told again and again by a node or a time whose clock was ahead: news once.
    const isRepeated = at > now && held?.failures === failures
    // Re-inserted, so that the longest quiet stand first when room is made.
    counts.delete(name)
    const [oldest] = counts.keys()
    if (counts.size >= MAX_NAMES && oldest !== undefined) counts.delete(oldest)
    counts.set(name, { failures, at: Math.min(isRepeated ? held.at : at, now) })
  }

  return {
    add(name) {
      set(name, (current(name)?.failures ?? 0) + 1, clock.now())
    },
    set,
    clear(name) {
      counts.delete(name)
    },
    remaining(name) {
      const held = current(name)
      if (held === undefined || held.failures <= free) return 0
      const wait = Math.min(FIRST_MS * 2 ** (held.failures - free - 1), longest)
      return Math.max(held.at + wait - clock.now(), 0)
    },
  }
}
