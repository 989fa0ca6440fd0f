import { randomUUID } from 'node:crypto'
import type { DurableAuditLog } from '#audit/ports.ts'
import { Fault } from '#faults'
import type { Files } from '#files/types.ts'
import type { DoorName } from '#permissions/conditions.ts'
import type { Principal } from '#permissions/principal.ts'
import { type AuthenticateDeps, authenticate } from './authenticate.ts'
import { cacheCredentials } from './cached-store.ts'
import type { Activity, Attempt, Gate, LoginResult, People, Session } from './gate.ts'
import type { LastUses } from './last-uses.ts'
import { createLoginAudit } from './login-audit.ts'
import type { PasswordCheck } from './password-slots.ts'
import { type BrowserLimits, createPeople } from './people.ts'
import type { ChangeFeed, Clock, CredentialStore, PeopleStore } from './ports.ts'
import { type Proven, usedId } from './proven.ts'
import { renew } from './renewal.ts'
import type { Sealer } from './sealing.ts'
import { createSecretChecks } from './secret-checks.ts'
import { createSessionRegistry, type SessionRegistry } from './sessions.ts'
import { createSiteHosts } from './site-hosts.ts'
import type { Throttle } from './throttle.ts'
import type { Pepper } from './values.ts'
import { createVerifiedSecrets } from './verified-secrets.ts'

export type GateDeps = {
  readonly store: CredentialStore
  readonly people: PeopleStore
  readonly browserLimits?: BrowserLimits | undefined
  readonly changes: ChangeFeed
  readonly pepper: Pepper
  readonly sealer: Sealer
  readonly throttle: Throttle
  /** How Argon2id is verified; default few at once. */
  readonly password?: PasswordCheck
  readonly openFiles: (
    principal: Principal,
    at: { door: DoorName; address: string; signal: AbortSignal; activity: Activity },
  ) => Files
  /** A site's mounts changed. */
  readonly forgetMounts: (siteId: string) => void
  readonly audit: DurableAuditLog
  readonly lastUses: LastUses
  readonly clock: Clock
  /** Hears of each session that is over; default nobody. */
  readonly sessionEnded?: ((session: Session) => void) | undefined
  /** How long sessions may live on while changes cannot be read, in milliseconds. */
  readonly revocationGrace: number
}

export type GateWithSessions = Gate &
  Disposable & { readonly sessions: SessionRegistry; readonly people: People }

/** How a principal came in: what is asked again when something changes. */
type Origin = {
  readonly proven: Proven
  readonly attempt: Pick<Attempt, 'door' | 'address' | 'siteId'>
  readonly revision: number
}

/** While the change feed is older than this, nobody is let in: a revoked key might be among them. */
const LOGIN_STALE_MS = 5_000
const STALE_CHECK_MS = 1_000

/** The credential service that all doors share. */
export function createGate(deps: GateDeps): GateWithSessions {
  const { changes, clock } = deps
  const cached = cacheCredentials(deps.store, clock)
  const verified = createVerifiedSecrets(clock)
  const checks = createSecretChecks(deps)
  const sessions = createSessionRegistry(clock, deps.sessionEnded)
  const hosts = createSiteHosts(deps.store)
  const logins = createLoginAudit(deps.audit, clock)
  const origins = new WeakMap<Principal, Origin>()
  const { memory, store } = cached
  const authenticateDeps: AuthenticateDeps = {
    memory,
    store,
    verified,
    checks,
    clock,
    throttle: deps.throttle,
  }
  let revision = 0

  changes.subscribe((change) => {
    if (change.kind === 'session') return void sessions.end(change.sessionId ?? '')
    revision += 1
    cached.drop(change)
    verified.drop(change)
    if (change.kind === 'site') hosts.forget()
    if (change.kind === 'site' || change.kind === 'mounts') deps.forgetMounts(change.siteId)
    void sessions.revise(change)
  })
  const staleTimer = setInterval(() => {
    if (changes.staleFor() > deps.revocationGrace) sessions.endAll('stale')
  }, STALE_CHECK_MS)
  staleTimer.unref()

  function refuseWhenStale(): void {
    if (changes.staleFor() <= LOGIN_STALE_MS) return
    throw new Fault('unavailable', 'credentials cannot be checked now')
  }

  async function renewPrincipal(principal: Principal): Promise<Principal | null> {
    const origin = origins.get(principal)
    return origin === undefined
      ? null
      : renew({ memory, store, clock, people: deps.people }, origin.proven, origin.attempt)
  }

  const people = createPeople({
    ...authenticateDeps,
    people: deps.people,
    sealer: deps.sealer,
    pepper: deps.pepper,
    logins,
    admission() {
      refuseWhenStale()
      const before = revision
      return (principal, proven, attempt) =>
        void origins.set(principal, { proven, attempt, revision: before })
    },
    ...(deps.browserLimits && { limits: deps.browserLimits }),
  })

  return {
    sessions,
    people,
    async login(attempt): Promise<LoginResult> {
      refuseWhenStale()
      const before = revision
      const verdict = await authenticate(authenticateDeps, attempt)
      await logins.record(attempt, verdict)
      if (!verdict.ok) {
        return { ok: false, retryAfter: verdict.wait === 0 ? null : Math.ceil(verdict.wait / 1000) }
      }
      const { principal, proven } = verdict
      const { door, address, siteId } = attempt
      if (proven.by !== 'guest') deps.throttle.welcomed(address)
      origins.set(principal, { proven, attempt: { door, address, siteId }, revision: before })
      const used = usedId(proven)
      if (used !== null) deps.lastUses.note(used, attempt)
      return { ok: true, principal }
    },

    refused: (attempt) => logins.refuse(attempt),

    open(principal, { door, address, client }): Session {
      const controller = new AbortController()
      const { signal } = controller
      const activity: Activity = { bytesIn: 0, bytesOut: 0, current: null }
      const id = randomUUID()
      const session: Session = {
        id,
        principal,
        door,
        address,
        client,
        startedAt: clock.now(),
        signal,
        activity,
        files: deps.openFiles(principal, { door, address, signal, activity }),
        [Symbol.dispose]: () => sessions.remove(id),
      }
      sessions.add({ session, controller, renew: () => renewPrincipal(principal) })
      // A change between login and here found no session to cut.
      if (origins.get(principal)?.revision !== revision) void sessions.reviseOne(id)
      return session
    },

    heldOff: deps.throttle.heldOff,
    offended: deps.throttle.offended,
    siteOfHost: hosts.siteOfHost,

    [Symbol.dispose]() {
      clearInterval(staleTimer)
      logins[Symbol.dispose]()
      sessions[Symbol.dispose]()
    },
  }
}
