import { randomUUID } from 'node:crypto'
import type { Session } from '#credentials/gate.ts'
import type { Clock } from '#credentials/ports.ts'
import type { LiveSession, LiveSessionStore } from './ports.ts'

/** Keeps what other processes see of this one's sessions true to a second. Disposal takes them away. */
export type SessionBoard = AsyncDisposable & {
  /** Tells what changed now. */
  refresh(): Promise<void>
}

export type SessionBoardDeps = {
  readonly list: () => readonly Session[]
  readonly store: Pick<LiveSessionStore, 'publish' | 'forget'>
  readonly clock: Clock
  readonly onError: (error: unknown) => void
}

const INTERVAL_MS = 1_000
/** Requests of HTTP doors are over sooner: they cost nothing here. */
const YOUNGEST_MS = 1_000
/** Idle sessions are confirmed this often; a process that was not seen for three times as long is gone. */
const HEARTBEAT_MS = 5_000

/** Publishes the sessions of this process that live longer than a second (REQUIREMENTS.md, R4). */
export function publishSessions({ list, store, clock, onError }: SessionBoardDeps): SessionBoard {
  const processId = randomUUID()
  let told = new Map<string, string>()
  let toldAt = Number.NEGATIVE_INFINITY
  let running: Promise<void> | undefined

  async function tell(): Promise<void> {
    const now = clock.now()
    const seen = list().filter(({ startedAt }) => Math.abs(now - startedAt) >= YOUNGEST_MS)
    const states = new Map(seen.map((session) => [session.id, stateOf(session)]))
    const put = seen.filter(({ id }) => told.get(id) !== states.get(id)).map(liveSession)
    const gone = [...told.keys()].filter((id) => !states.has(id))
    const isDue = states.size > 0 && Math.abs(now - toldAt) >= HEARTBEAT_MS
    if (put.length === 0 && gone.length === 0 && !isDue) return
    const isKnown = await store.publish(processId, { put, gone, now })
    // Unknown although something was told before: the process slept, and its rows were swept away.
    told = isKnown || told.size === 0 ? states : new Map()
    toldAt = now
  }

  function refresh(): Promise<void> {
    running ??= tell()
      .catch(onError)
      .finally(() => {
        running = undefined
      })
    return running
  }

  const timer = setInterval(() => void refresh(), INTERVAL_MS)
  timer.unref()
  return {
    refresh,
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await running
      if (told.size > 0) await store.forget(processId).catch(onError)
    },
  }
}

function stateOf({ activity }: Session): string {
  return `${activity.bytesIn} ${activity.bytesOut} ${activity.current ?? ''}`
}

function liveSession({ id, principal, door, address, client, startedAt, activity }: Session): LiveSession {
  return {
    id,
    siteId: principal.siteId,
    kind: principal.kind,
    userId: principal.user?.id ?? null,
    userName: principal.user?.name ?? null,
    keyId: principal.key?.id ?? null,
    keyName: principal.key?.name ?? null,
    door,
    address,
    client,
    startedAt,
    ...activity,
  }
}
