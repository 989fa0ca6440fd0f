import { isDeepStrictEqual } from 'node:util'
import type { Principal } from '#permissions/principal.ts'
import type { Session } from './gate.ts'
import type { Change, Clock } from './ports.ts'

/** Why a session was cut: the reason of its abort signal. */
export type CutReason = 'revoked' | 'expired' | 'ended' | 'stale'

export class SessionCut extends Error {
  readonly reason: CutReason
  constructor(reason: CutReason) {
    super(`session ${reason}`)
    this.name = 'SessionCut'
    this.reason = reason
  }
}

/** What the registry needs of a session: itself, and the handle that ends it. */
type Live = {
  readonly session: Session
  readonly controller: AbortController
  /** What the session's key or login would give now; null when it would be refused. */
  readonly renew: () => Promise<Principal | null>
}

export type SessionRegistry = Disposable & {
  add(live: Live): void
  remove(sessionId: string): void
  list(): readonly Session[]
  /** Ends one session; false when there is none of that id. */
  end(sessionId: string): boolean
  /** Ends sessions whose key, user or site no longer gives them what they have. */
  revise(change: Change): Promise<void>
  /** The same for one session. */
  reviseOne(sessionId: string): Promise<void>
  /** Ends sessions whose time is over. Also runs by itself at the next instant of expiry. */
  endExpired(): void
  endAll(reason: CutReason): void
}

// The clock may be put forward while a timer runs: what ends is looked for at least so often.
const LONGEST_TIMER_MS = 60_000

/** Live sessions of this process; `ended` hears of each that is over. A change of credentials reaches each of them through its signal. */
export function createSessionRegistry(
  clock: Clock,
  ended: (session: Session) => void = () => undefined,
): SessionRegistry {
  const sessions = new Map<string, Live>()
  // Where a change moved the end nearer (a rotation's overlap, a shorter expiry): the session goes on till then.
  const nearerEnds = new WeakMap<Live, number>()
  let timer: NodeJS.Timeout | undefined
  let timerAt = Number.POSITIVE_INFINITY

  function endOf(live: Live): number {
    return nearerEnds.get(live) ?? live.session.principal.expiresAt ?? Number.POSITIVE_INFINITY
  }

  function forget(live: Live): void {
    if (sessions.delete(live.session.id)) ended(live.session)
  }

  function cut(live: Live, reason: CutReason): void {
    forget(live)
    live.controller.abort(new SessionCut(reason))
  }

  function wake(at: number): void {
    if (at >= timerAt) return
    clearTimeout(timer)
    timerAt = at
    timer = setTimeout(endExpired, Math.min(Math.max(at - clock.now(), 0), LONGEST_TIMER_MS))
    timer.unref()
  }

  function endExpired(): void {
    clearTimeout(timer)
    timerAt = Number.POSITIVE_INFINITY
    const now = clock.now()
    let next = Number.POSITIVE_INFINITY
    for (const live of sessions.values()) {
      const at = endOf(live)
      if (now >= at) cut(live, 'expired')
      else next = Math.min(next, at)
    }
    if (next !== Number.POSITIVE_INFINITY) wake(next)
  }

  async function reviseLive(live: Live): Promise<void> {
    const renewed = await live.renew().catch(() => null)
    if (!sessions.has(live.session.id)) return
    if (renewed === null || !givesTheSame(renewed, live.session.principal)) return cut(live, 'revoked')
    const at = renewed.expiresAt
    if (at === null || at >= endOf(live)) return
    nearerEnds.set(live, at)
    wake(at)
  }

  return {
    add(live) {
      sessions.set(live.session.id, live)
      const { expiresAt } = live.session.principal
      if (expiresAt !== null) wake(expiresAt)
    },
    remove(sessionId) {
      const live = sessions.get(sessionId)
      if (live !== undefined) forget(live)
    },
    list: () => [...sessions.values()].map((live) => live.session),
    end(sessionId) {
      const live = sessions.get(sessionId)
      if (live !== undefined) cut(live, 'ended')
      return live !== undefined
    },
    async revise(change) {
      const touched = [...sessions.values()].filter((live) => concerns(change, live.session.principal))
      await Promise.all(touched.map(reviseLive))
    },
    async reviseOne(sessionId) {
      const live = sessions.get(sessionId)
      if (live !== undefined) await reviseLive(live)
    },
    endExpired,
    endAll(reason) {
      for (const live of sessions.values()) cut(live, reason)
    },
    [Symbol.dispose]() {
      clearTimeout(timer)
    },
  }
}

function concerns(change: Change, principal: Principal): boolean {
  if (change.keyId !== null) return principal.key?.id === change.keyId
  if (change.userId !== null) return principal.user?.id === change.userId
  return principal.siteId === change.siteId
}

// Another name takes nothing away, nor does another expiry: a running transfer goes on, until the earlier one.
function givesTheSame(renewed: Principal, held: Principal): boolean {
  const without = (principal: Principal) => ({
    ...principal,
    siteName: null,
    user: principal.user?.id,
    key: principal.key?.id,
    expiresAt: null,
  })
  return isDeepStrictEqual(without(renewed), without(held))
}
