import { createHash } from 'node:crypto'
import type { Principal } from '#permissions/principal.ts'
import { type AuthenticateDeps, authenticate, type Verdict } from './authenticate.ts'
import type { Attempt, BrowserAt, People, PersonEntered, Resumed } from './gate.ts'
import type { LoginAudit } from './login-audit.ts'
import type { BrowserRecord, PeopleStore, Person } from './ports.ts'
import { judgeProven, type Proven, principalOfProven, whoIsPerson } from './proven.ts'
import { isRecoveryCode, recoveryDigest } from './recovery.ts'
import type { Sealer } from './sealing.ts'
import { matchTotp, totpContext } from './totp.ts'
import { createTurns, type Turns } from './turns.ts'
import { digestValue, type Pepper, randomText } from './values.ts'

export type PeopleDeps = AuthenticateDeps & {
  readonly people: PeopleStore
  readonly sealer: Pick<Sealer, 'open'>
  readonly pepper: Pepper
  readonly logins: Pick<LoginAudit, 'record'>
  /**
   * Called before credentials are read; what it gives notes how a principal came in, so that its session can be
   * revised. Fault `unavailable` when changes of credentials cannot be read now.
   */
  readonly admission: () => (principal: Principal, proven: Proven, at: Here) => void
  readonly limits?: BrowserLimits
}

type Here = Pick<Attempt, 'door' | 'address' | 'siteId'>

/** How long a login in a browser lasts, in milliseconds: without any request, and at most. */
export type BrowserLimits = { readonly idle: number; readonly lifetime: number }

export const FACTORY_BROWSER_LIMITS: BrowserLimits = { idle: 3_600_000, lifetime: 12 * 3_600_000 }

const DOOR = 'rest'
// 43 base62 characters hold 32 random bytes.
const COOKIE_LENGTH = 43
const CODE_MS = 5 * 60_000
const MAX_TRIES = 5
const ROTATE_MS = 15 * 60_000
/** Requests that were under way when the cookie was replaced still bring the one before. */
const PREVIOUS_MS = 60_000
const TOUCH_MS = 60_000

/** Logins of people in browsers: password, second factor, and the cookie that stands for both. */
export function createPeople(deps: PeopleDeps): People {
  const turns = createTurns()
  return {
    enter: (attempt) => enter(deps, attempt),
    confirm: (attempt) => confirm(deps, turns, attempt),
    resume: (attempt) => resume(deps, attempt),
    async reprove(principal, password, at) {
      const { user, siteId } = principal
      const proof = { kind: 'person', login: user?.name ?? '', password } as const
      const attempt: Attempt = { ...at, door: DOOR, siteId, proof }
      const verdict = await authenticate(deps, attempt)
      if (!verdict.ok) await deps.logins.record(attempt, verdict)
      return verdict.ok && verdict.who.user?.id === user?.id
    },
  }
}

function digestCookie(cookie: string): Buffer {
  return createHash('sha256').update(cookie).digest()
}

async function enter(
  deps: PeopleDeps,
  { login, password, ...at }: BrowserAt & { readonly login: string; readonly password: string },
): Promise<PersonEntered> {
  deps.admission()
  const attempt: Attempt = { ...at, door: DOOR, proof: { kind: 'person', login, password } }
  const verdict = await authenticate(deps, attempt)
  if (!verdict.ok || !('person' in verdict.proven)) {
    await deps.logins.record(attempt, verdict)
    return refused(verdict.ok ? 0 : verdict.wait)
  }
  const { user } = verdict.proven.person
  const factor = await deps.people.factor(user.id)
  const stage = factor?.confirmedAt == null ? 'in' : 'code'
  if (stage === 'in') {
    deps.throttle.welcomed(at.address)
    await deps.logins.record(attempt, verdict)
  }
  return begin(deps, verdict.proven.person, stage, at)
}

function refused(wait: number): PersonEntered {
  return { kind: 'refused', retryAfter: wait === 0 ? null : Math.ceil(wait / 1000) }
}

async function begin(
  deps: PeopleDeps,
  { user }: Person,
  stage: BrowserRecord['stage'],
  { address, client }: BrowserAt,
): Promise<PersonEntered> {
  const now = deps.clock.now()
  const cookie = randomText(COOKIE_LENGTH)
  const times = { createdAt: now, seenAt: now, rotatedAt: now, tries: 0 }
  const browser = {
    id: randomText(16),
    siteId: user.siteId,
    userId: user.id,
    stage,
    address,
    client,
    ...times,
  }
  await deps.people.addBrowser(browser, digestCookie(cookie), now - limitsOf(deps).lifetime)
  return { kind: stage, cookie }
}

function limitsOf({ limits = FACTORY_BROWSER_LIMITS }: PeopleDeps): BrowserLimits {
  return limits
}

async function confirm(
  deps: PeopleDeps,
  turns: Turns,
  { cookie, code, ...at }: BrowserAt & { readonly cookie: string; readonly code: string },
): Promise<PersonEntered> {
  const { people, store, clock } = deps
  const digest = digestCookie(cookie)
  const browser = await people.browserByDigest(digest)
  const isOver = browser === null || browser.stage !== 'code' || clock.now() >= browser.createdAt + CODE_MS
  const person = isOver ? null : await store.personById(browser.userId)
  if (isOver || person === null) return { kind: 'over' }
  // Codes that come together would all be judged before the first wrong one counts.
  return turns(person.user.id, () => tryCode(deps, { id: browser.id, digest, person, code, at }))
}

type CodeTry = {
  readonly id: string
  readonly digest: Buffer
  readonly person: Person
  readonly code: string
  readonly at: BrowserAt
}

async function tryCode(deps: PeopleDeps, { id, digest, person, code, at }: CodeTry): Promise<PersonEntered> {
  const { people, throttle, clock, logins } = deps
  const guess = `code ${person.user.id}`
  const wait = throttle.wait(at.address, guess)
  if (wait > 0) return refused(wait)
  if (!(await people.countTry(id, MAX_TRIES))) return { kind: 'over' }
  const proof = { kind: 'person', login: person.user.name, password: '' } as const
  const attempt: Attempt = { ...at, door: DOOR, proof }
  const verdict = await judgeCode(deps, attempt, person, code)
  if (!verdict.ok) {
    if (verdict.reason === 'wrong_code') throttle.guessed(at.address, guess)
    await logins.record(attempt, verdict)
    return refused(throttle.wait(at.address, guess))
  }
  throttle.proved(at.address, guess)
  throttle.welcomed(at.address)
  const next = randomText(COOKIE_LENGTH)
  if (!(await people.promoteBrowser(id, digest, digestCookie(next), clock.now()))) return { kind: 'over' }
  await logins.record(attempt, verdict)
  return { kind: 'in', cookie: next }
}

async function judgeCode(deps: PeopleDeps, attempt: Attempt, person: Person, code: string): Promise<Verdict> {
  const proven: Proven = { by: 'console', person }
  const who = whoIsPerson(person)
  // Who may not come in uses up no code.
  const unfit = judgeProven(proven, attempt, deps.clock.now())
  const reason = unfit ?? ((await isRight(deps, person.user.id, code)) ? null : 'wrong_code')
  if (reason !== null) return { ok: false, reason, who, wait: 0 }
  return { ok: true, principal: principalOfProven(proven), proven, who }
}

async function isRight(
  { people, sealer, pepper, clock }: PeopleDeps,
  userId: string,
  code: string,
): Promise<boolean> {
  if (isRecoveryCode(code)) return people.takeRecoveryCode(userId, recoveryDigest(pepper, userId, code))
  const factor = await people.factor(userId)
  if (factor?.confirmedAt == null) return false
  const step = matchTotp(sealer.open(factor.sealed, totpContext(userId)), code, clock.now())
  return step !== null && people.takeStep(userId, step)
}

async function resume(
  deps: PeopleDeps,
  { cookie, mayRotate, ...at }: BrowserAt & { readonly cookie: string; readonly mayRotate: boolean },
): Promise<Resumed | null> {
  const { people, store, memory, clock } = deps
  const admit = deps.admission()
  const now = clock.now()
  const digest = digestCookie(cookie)
  const browser = await people.browserByDigest(digest)
  if (browser === null || browser.stage !== 'in') return null
  const until = browser.createdAt + limitsOf(deps).lifetime
  const isStale = browser.isPrevious && now >= browser.rotatedAt + PREVIOUS_MS
  if (isStale || now >= until || now >= browser.seenAt + limitsOf(deps).idle) {
    // A cookie from before the last but one replacement: two browsers hold what one was given.
    await people.removeBrowser(browser.id)
    return null
  }
  const person = memory.personById(browser.userId) ?? (await store.personById(browser.userId))
  if (person === null) return null
  const proven: Proven = { by: 'browser', person, id: browser.id, until }
  const here = { door: DOOR, address: at.address, siteId: at.siteId } as const
  if (judgeProven(proven, here, now) !== null) return null
  const principal = principalOfProven(proven)
  admit(principal, proven, here)
  if (now - browser.seenAt >= TOUCH_MS) {
    await people.touchBrowser(browser.id, { seenAt: now, address: at.address, client: at.client })
  }
  return {
    principal,
    browserId: browser.id,
    csrf: digestValue(deps.pepper, `csrf\0${browser.id}`).toString('base64url'),
    cookie: mayRotate ? await rotated(deps, browser, digest) : null,
  }
}

async function rotated(
  { people, clock }: PeopleDeps,
  { id, rotatedAt, isPrevious }: BrowserRecord & { readonly isPrevious: boolean },
  digest: Buffer,
): Promise<string | null> {
  const now = clock.now()
  if (isPrevious || now - rotatedAt < ROTATE_MS) return null
  const cookie = randomText(COOKIE_LENGTH)
  return (await people.rotateBrowser(id, digest, digestCookie(cookie), now)) ? cookie : null
}
