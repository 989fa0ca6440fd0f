import type { AuditEntry, AuditLog } from '#audit/ports.ts'
import { Fault } from '#faults'
import type { Files } from '#files/types.ts'
import type { DoorName } from '#permissions/conditions.ts'
import type { Principal } from '#permissions/principal.ts'
import { type AuthenticateDeps, authenticate, type Verdict } from './authenticate.ts'
import { cacheAccounts } from './cached-store.ts'
import type { Activity, Attempt, Gate, LoginResult, Session } from './gate.ts'
import { judge } from './judge.ts'
import type { LastUses } from './last-uses.ts'
import type { Account, ChangeFeed, Clock, CredentialStore } from './ports.ts'
import { principalOf } from './principal.ts'
import type { AccessSecret } from './proof.ts'
import { pairContext, type Sealer } from './sealing.ts'
import { createSessionRegistry, type SessionRegistry } from './sessions.ts'
import { type Pepper, randomText } from './values.ts'

export type GateDeps = {
  readonly store: CredentialStore
  readonly changes: ChangeFeed
  readonly pepper: Pepper
  readonly sealer: Sealer
  readonly openFiles: (
    principal: Principal,
    at: { door: DoorName; address: string; signal: AbortSignal; activity: Activity },
  ) => Files
  /** A site's mounts changed. */
  readonly forgetMounts: (siteId: string) => void
  readonly audit: AuditLog
  readonly lastUses: LastUses
  readonly clock: Clock
  /** How long sessions may live on while changes cannot be read, in milliseconds. */
  readonly revocationGrace: number
}

export type GateWithSessions = Gate & Disposable & { readonly sessions: SessionRegistry }

/** How a principal came in: what is asked again when something changes. */
type Origin = Pick<Attempt, 'door' | 'address' | 'siteId'> & {
  readonly account: Account
  readonly valueId: string | null
  readonly revision: number
}

/** While the change feed is older than this, nobody is let in: a revoked key might be among them. */
const LOGIN_STALE_MS = 5_000
const STALE_CHECK_MS = 1_000
const MAX_HOSTS = 1_000
// HTTP doors log in with each request: one audit entry says it for this long.
const LOGIN_AUDIT_MS = 300_000
const MAX_REMEMBERED_LOGINS = 10_000

/** The credential service that all doors share. */
export function createGate(deps: GateDeps): GateWithSessions {
  const { changes, clock } = deps
  const store = cacheAccounts(deps.store, clock)
  const sessions = createSessionRegistry(clock)
  const sites = new Map<string, string | null>()
  const origins = new WeakMap<Principal, Origin>()
  let revision = 0
  const authenticateDeps: AuthenticateDeps = {
    store,
    pepper: deps.pepper,
    clock,
    secretOf: unsealer(deps.sealer),
  }
  const auditLogin = loginAuditor(deps.audit, clock)

  changes.subscribe((change) => {
    revision += 1
    store.drop(change)
    if (change.kind === 'site') sites.clear()
    if (change.kind === 'site' || change.kind === 'mounts') deps.forgetMounts(change.siteId)
    void sessions.revise(change)
  })
  const staleTimer = setInterval(() => {
    if (changes.staleFor() > deps.revocationGrace) sessions.endAll('stale')
  }, STALE_CHECK_MS)
  staleTimer.unref()

  async function renew(principal: Principal): Promise<Principal | null> {
    const origin = origins.get(principal)
    if (origin === undefined) return null
    const account = await store.accountByKeyId(origin.account.key.id)
    const value = account?.values.find(({ id }) => id === origin.valueId) ?? null
    if (account === null || (origin.valueId !== null && value === null)) return null
    if (origin.valueId === null && account.pair?.accessKeyId !== origin.account.pair?.accessKeyId) return null
    const valueStopsAt = value?.stopsAt ?? null
    const { door, address, siteId } = origin
    const refusal = judge(account, { door, address, siteId, valueStopsAt, now: clock.now() })
    return refusal === null ? principalOf(account, valueStopsAt) : null
  }

  return {
    sessions,
    async login(attempt): Promise<LoginResult> {
      if (changes.staleFor() > LOGIN_STALE_MS)
        throw new Fault('unavailable', 'credentials cannot be checked now')
      const before = revision
      const verdict = await authenticate(authenticateDeps, attempt)
      auditLogin(attempt, verdict)
      if (!verdict.ok) return { ok: false, retryAfter: null }
      const { principal, account, valueId } = verdict
      const { door, address, siteId } = attempt
      origins.set(principal, { account, valueId, door, address, siteId, revision: before })
      if (valueId !== null) deps.lastUses.note(valueId, attempt)
      return { ok: true, principal }
    },

    open(principal, { door, address }): Session {
      const controller = new AbortController()
      const { signal } = controller
      const activity: Activity = { bytesIn: 0, bytesOut: 0, current: null }
      const id = randomText(16)
      const session: Session = {
        id,
        principal,
        door,
        address,
        startedAt: clock.now(),
        signal,
        activity,
        files: deps.openFiles(principal, { door, address, signal, activity }),
        [Symbol.dispose]: () => sessions.remove(id),
      }
      sessions.add({ session, controller, renew: () => renew(principal) })
      // A change between login and here found no session to cut.
      if (origins.get(principal)?.revision !== revision) void sessions.reviseOne(id)
      return session
    },

    async siteOfHost(host) {
      const name = host.toLowerCase()
      const known = sites.get(name)
      if (known !== undefined) return known
      const siteId = await deps.store.siteIdByHost(name)
      if (sites.size >= MAX_HOSTS) sites.clear()
      sites.set(name, siteId)
      return siteId
    },

    [Symbol.dispose]() {
      clearInterval(staleTimer)
      sessions[Symbol.dispose]()
    },
  }
}

/** Opens each pair once; the secret lives as long as the cached account does. */
function unsealer(sealer: Sealer): (account: Account) => AccessSecret | null {
  const opened = new WeakMap<Account, AccessSecret>()
  return (account) => {
    if (account.pair === null) return null
    const held = opened.get(account)
    if (held !== undefined) return held
    const { sealed, version } = account.pair
    const secret = { text: sealer.open(sealed, pairContext(account.key.id, version)).toString() }
    opened.set(account, secret)
    return secret
  }
}

function loginAuditor(audit: AuditLog, clock: Clock): (attempt: Attempt, verdict: Verdict) => void {
  const recorded = new Map<string, number>()
  return (attempt, verdict) => {
    // A request that presents nothing is how HTTP clients learn of the challenge: no login.
    if (!verdict.ok && verdict.reason === 'nothing_presented') return
    const now = clock.now()
    if (verdict.ok) {
      const mark = `${verdict.account.key.id} ${attempt.door} ${attempt.address}`
      const last = recorded.get(mark)
      if (isPerRequest(attempt) && last !== undefined && now - last < LOGIN_AUDIT_MS) return
      if (recorded.size >= MAX_REMEMBERED_LOGINS) recorded.clear()
      recorded.set(mark, now)
    }
    audit.record(loginEntry(attempt, verdict, now))
  }
}

function isPerRequest({ door }: Attempt): boolean {
  return door === 'webdav' || door === 's3' || door === 'rest'
}

function loginEntry(attempt: Attempt, verdict: Verdict, now: number): AuditEntry {
  const { account } = verdict
  return {
    at: now,
    action: 'login',
    outcome: verdict.ok ? 'ok' : 'refused',
    reason: verdict.ok ? '' : verdict.reason,
    siteId: account?.key.siteId ?? attempt.siteId,
    userId: account?.user?.id ?? null,
    userName: account?.user?.name ?? null,
    keyId: account?.key.id ?? null,
    keyName: account?.key.name ?? null,
    door: attempt.door,
    address: attempt.address,
    subject: attempt.client,
  }
}
