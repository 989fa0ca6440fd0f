import type { AuditEntry, DurableAuditLog } from '#audit/ports.ts'
import { isYoung } from './age.ts'
import type { Verdict } from './authenticate.ts'
import type { Attempt, Unprovable } from './gate.ts'
import type { Clock } from './ports.ts'
import { createRefusalSeries } from './refusal-series.ts'

/** Records logins. Disposal writes what was counted but not written yet. */
export type LoginAudit = Disposable & {
  /** Resolves when the login is on disk; at once for one of a series that is recorded already. */
  record(attempt: Attempt, verdict: Verdict): Promise<void> | undefined
  /** Of a series of like refusals the first is on disk when it resolves. */
  refuse(attempt: Unprovable): Promise<void>
}

/** `pending` until the entry is on disk. */
type Recorded = { readonly at: number; pending: Promise<void> | undefined }

// HTTP doors log in with each request: one entry says it for this long.
const SAME_LOGIN_MS = 300_000
const MAX_REMEMBERED = 10_000
const FLUSH_MS = 5_000

export function createLoginAudit(audit: DurableAuditLog, clock: Clock): LoginAudit {
  const recorded = new Map<string, Recorded>()
  const refusals = createRefusalSeries(clock, (entry) => audit.record(entry))
  const timer = setInterval(() => refusals.flush(), FLUSH_MS)
  timer.unref()

  /** The entry that says this login already; it may still be on its way to the disk. */
  function saidBy(mark: string, attempt: Attempt): Recorded | undefined {
    const last = isPerRequest(attempt) ? recorded.get(mark) : undefined
    return last !== undefined && isYoung(last.at, SAME_LOGIN_MS, clock.now()) ? last : undefined
  }

  function granted(mark: string, entry: AuditEntry): Promise<void> {
    if (recorded.size >= MAX_REMEMBERED) recorded.clear()
    const written = audit.recordNow(entry)
    const login: Recorded = { at: entry.at, pending: written }
    recorded.set(mark, login)
    return written.then(
      () => {
        login.pending = undefined
      },
      (error: unknown) => {
        recorded.delete(mark)
        throw error
      },
    )
  }

  return {
    record(attempt, verdict) {
      // A request that presents nothing is how HTTP clients learn of the challenge: no login.
      if (!verdict.ok && attempt.proof.kind === 'none') return undefined
      if (!verdict.ok) {
        const entry = loginEntry(attempt, verdict, clock.now())
        return refusals.isFirst(entry, loginOf(attempt)) ? audit.recordNow(entry) : undefined
      }
      const { key, user } = verdict.who
      const mark = `${key?.id ?? ''} ${user?.id ?? ''} ${attempt.door} ${attempt.address}`
      const said = saidBy(mark, attempt)
      return said === undefined ? granted(mark, loginEntry(attempt, verdict, clock.now())) : said.pending
    },
    async refuse({ login, reason, siteId, door, address, client }) {
      const entry: AuditEntry = {
        at: clock.now(),
        action: 'login',
        outcome: 'refused',
        reason,
        siteId,
        ...NOBODY,
        door,
        address,
        subject: client,
      }
      if (refusals.isFirst(entry, login)) await audit.recordNow(entry)
    },
    [Symbol.dispose]() {
      clearInterval(timer)
      refusals.flush('all')
    },
  }
}

const NOBODY = { userId: null, userName: null, keyId: null, keyName: null }

function isPerRequest({ door, proof }: Attempt): boolean {
  if (proof.kind === 'person') return false
  return door === 'webdav' || door === 's3' || door === 'rest'
}

function loginOf({ proof }: Attempt): string {
  switch (proof.kind) {
    case 'password':
    case 'person':
    case 'ssh_key':
      return proof.login
    case 'sigv4':
      return proof.accessKeyId
    case 'bearer':
    case 'none':
      return ''
  }
}

function loginEntry(attempt: Attempt, verdict: Verdict, now: number): AuditEntry {
  const { who } = verdict
  return {
    at: now,
    action: 'login',
    outcome: verdict.ok ? 'ok' : 'refused',
    reason: verdict.ok ? '' : verdict.reason,
    siteId: who?.siteId ?? attempt.siteId,
    siteName: verdict.ok ? verdict.principal.siteName : null,
    userId: who?.user?.id ?? null,
    userName: who?.user?.name ?? null,
    keyId: who?.key?.id ?? null,
    keyName: who?.key?.name ?? null,
    door: attempt.door,
    address: attempt.address,
    subject: subjectOf(attempt, verdict),
  }
}

/** The client's software, and the SSH key that was used: a user may have many. */
function subjectOf({ client }: Attempt, verdict: Verdict): string {
  if (!verdict.ok || verdict.proven.by !== 'ssh_key') return client
  return `${client} (SSH key ${verdict.proven.key.name})`.trim()
}
