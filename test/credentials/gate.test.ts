import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { AuditEntry } from '#audit/ports.ts'
import { createGate, type GateWithSessions } from '#credentials/create-gate.ts'
import type { Attempt } from '#credentials/gate.ts'
import type { Account, Change, ChangeFeed, PeopleStore, Person } from '#credentials/ports.ts'
import type { Proof } from '#credentials/proof.ts'
import { createSealer, newMasterKey, pairContext } from '#credentials/sealing.ts'
import { loginHider } from '#credentials/secret-checks.ts'
import { createThrottle } from '#credentials/throttle.ts'
import { newKeyValue } from '#credentials/values.ts'
import type { Files } from '#files/types.ts'
import { DOORS } from '#permissions/conditions.ts'
import { account, bench, chosen, KEY_ID, NOW, PEPPER, person, VALUE } from './accounts.ts'

const CHOSEN = 'correct horse battery'
const PASSWORD = 'tr0ub4dor and three'
const ATTACKER = '198.51.100.66'
const OWNER = '192.0.2.7'

const MASTER = newMasterKey()
const SEALER = createSealer(() => [MASTER])
const PAIR = { accessKeyId: 'LKPAIR', version: 1, sealed: SEALER.seal('secret', pairContext(KEY_ID, 1)) }

type Feed = ChangeFeed & { tell(change: Partial<Change>): void; stale: number }

type TestGate = Disposable & {
  readonly gate: GateWithSessions
  readonly feed: Feed
  readonly entries: AuditEntry[]
  readonly clock: { at: number; now(): number }
  readonly argon2: () => number
  login(proof: Proof, more?: Partial<Attempt>): ReturnType<GateWithSessions['login']>
}

/** A gate over records that a test may change in place. */
function openGate(accounts: readonly Account[], people: readonly Person[] = []): TestGate {
  const { deps, steps, clock } = bench(accounts, people)
  const entries: AuditEntry[] = []
  const feed = fakeFeed()
  const gate = createGate({
    store: deps.store,
    people: NO_BROWSERS,
    changes: feed,
    pepper: PEPPER,
    sealer: SEALER,
    throttle: createThrottle(clock, loginHider(PEPPER)),
    password: deps.checks.password,
    openFiles: () => NO_FILES,
    forgetMounts: () => {},
    audit: {
      record: (entry) => void entries.push(entry),
      recordNow: async (entry) => void entries.push(entry),
    },
    lastUses: { note() {}, async flush() {}, async [Symbol.asyncDispose]() {} },
    clock,
    revocationGrace: 30_000,
  })
  return {
    gate,
    feed,
    entries,
    clock,
    argon2: () => steps.argon2,
    login: (proof, more) =>
      gate.login({ door: 'webdav', address: OWNER, siteId: null, client: 'curl', proof, ...more }),
    [Symbol.dispose]: () => gate[Symbol.dispose](),
  }
}

// Nobody of these tests comes with a browser.
const NO_BROWSERS = {} as PeopleStore

// No session of these tests touches a file.
const NO_FILES = {} as Files

function fakeFeed(): Feed {
  const listeners: ((change: Change) => void)[] = []
  return {
    stale: 0,
    subscribe: (listener) => void listeners.push(listener),
    async poll() {},
    staleFor() {
      return this.stale
    },
    tell(change) {
      const whole: Change = { sequence: 1, kind: 'key', siteId: 's1', keyId: null, userId: null, ...change }
      for (const listener of listeners) listener(whole)
    },
    async [Symbol.asyncDispose]() {},
  }
}

const password = (login: string, secret: string): Proof => ({ kind: 'password', login, password: secret })

/** What an attacker sends, of every form, all about the owner's key. */
function guessAt(turn: number): Proof {
  const guesses: readonly Proof[] = [
    password('@api-backup', newKeyValue(KEY_ID)),
    password('@api-backup', `guess number ${turn}`),
    password(`@api-${KEY_ID}`, `guess number ${turn}`),
    password('@api-backup', 'lk_mistyped'),
    password('ann', `guess number ${turn}`),
    { kind: 'bearer', value: `guess number ${turn}` },
    { kind: 'sigv4', accessKeyId: 'LKPAIR', matches: () => false },
  ]
  return guesses[turn % guesses.length] ?? { kind: 'none' }
}

describe('R2: an attacker guesses 10,000 times against @api-backup through every door', () => {
  async function attack(
    held: TestGate,
    ownerLogin: Proof,
    from: (turn: number) => string,
  ): Promise<{ refused: number; heldBack: number }> {
    const outcome = { refused: 0, heldBack: 0 }
    for (let turn = 0; turn < 10_000; turn++) {
      const door = DOORS[turn % DOORS.length] ?? 'ftp'
      const guessed = await held.login(guessAt(turn), { door, address: from(turn) })
      if (!guessed.ok && guessed.retryAfter !== null) outcome.heldBack += 1
      if (guessed.ok) throw new Error('the attacker is in')
      held.clock.at += 100
      // Seldom enough that nothing of the owner is remembered.
      if (turn % 700 === 0 && !(await held.login(ownerLogin, { door: 'sftp' })).ok) outcome.refused += 1
    }
    return outcome
  }

  test('the owner of a generated value is never refused, from any address, even the attacker’s', async () => {
    using held = openGate([account({ pair: PAIR })], [person(PASSWORD)])
    const outcome = await attack(held, password('@api-backup', VALUE), () => ATTACKER)
    expect(outcome.refused).toBe(0)
    expect(outcome.heldBack).toBeGreaterThan(9_000)
    held.clock.at += 60_000
    const heldBack = await held.login({ kind: 'bearer', value: 'a last guess' }, { address: ATTACKER })
    expect(heldBack).toMatchObject({ ok: false, retryAfter: expect.any(Number) })
    expect((await held.login(password('@api-backup', VALUE), { address: ATTACKER })).ok).toBe(true)
    // Ten free guesses, then one for each wait of at most a quarter of an hour, in 1,000 s.
    expect(held.argon2()).toBeLessThan(50)
  })

  test('nor is that of a chosen value where it logged in before, whoever guesses; the audit counts the flood in few entries', async () => {
    using held = openGate([account({ value: chosen(CHOSEN), pair: PAIR })], [person(PASSWORD)])
    const many = (turn: number) => `198.51.100.${turn % 250}`
    const outcome = await attack(held, password('@api-backup', CHOSEN), many)
    expect(outcome.refused).toBe(0)
    // A stranger waits all the while: the login is under attack.
    const stranger = await held.login(password('@api-backup', 'a first guess'), { address: '203.0.113.1' })
    expect(stranger).toMatchObject({ ok: false, retryAfter: expect.any(Number) })
    held.gate[Symbol.dispose]()
    const refused = held.entries.filter(({ outcome }) => outcome === 'refused')
    const minutes = (held.clock.at - NOW) / 60_000
    expect(refused.length / minutes).toBeLessThan(150)
    const more = refused.map(({ subject }) => Number(/\((\d+) more/.exec(subject)?.[1] ?? 0))
    const firsts = more.filter((count) => count === 0).length
    expect(firsts + more.reduce((sum, count) => sum + count, 0)).toBe(10_001)
  })
})

describe('R2: being held back', () => {
  test('what can be guessed is not even checked, and the answer says for how long', async () => {
    using held = openGate([account({ value: chosen(CHOSEN) })])
    for (let turn = 0; turn < 11; turn++) {
      await held.login({ kind: 'bearer', value: `guess number ${turn}` }, { door: 'rest', address: ATTACKER })
    }
    const before = held.argon2()
    const tried = await held.login({ kind: 'bearer', value: CHOSEN }, { door: 'rest', address: ATTACKER })
    expect(tried).toEqual({ ok: false, retryAfter: 1 })
    expect(held.argon2()).toBe(before)
    expect(held.entries.at(-1)).toMatchObject({ reason: 'held_back', outcome: 'refused' })
    held.clock.at += 1_000
    expect(
      (await held.login({ kind: 'bearer', value: CHOSEN }, { door: 'rest', address: ATTACKER })).ok,
    ).toBe(true)
  })

  test('requests that present nothing are not counted and not recorded', async () => {
    using held = openGate([account()])
    for (let turn = 0; turn < 300; turn++) {
      expect(await held.login({ kind: 'none' })).toEqual({ ok: false, retryAfter: null })
    }
    expect(held.entries).toEqual([])
  })
})

describe('R3: refused logins in the audit', () => {
  test('the first is written at once with its true reason, the same ones of a minute as one count', async () => {
    using held = openGate([account({ key: { enabled: false } })])
    for (let turn = 0; turn < 5; turn++) await held.login(password('@api-backup', VALUE))
    await held.login(password('@api-backup', newKeyValue(KEY_ID)))
    expect(held.entries.map(({ reason, keyName, subject }) => [reason, keyName, subject])).toEqual([
      ['key_disabled', 'backup', 'curl'],
      ['wrong_value', 'backup', 'curl'],
    ])
    held.clock.at += 60_000
    await held.login(password('@api-backup', VALUE))
    expect(held.entries.slice(2).map(({ reason, subject }) => [reason, subject])).toEqual([
      ['key_disabled', 'curl (4 more within a minute)'],
      ['key_disabled', 'curl'],
    ])
  })

  test('names and addresses without end do not make entries without end', async () => {
    using held = openGate([account()])
    for (let turn = 0; turn < 3_000; turn++) {
      const address = `10.${turn % 50}.${turn % 7}.${turn % 11}`
      await held.login(password(`@api-name${turn}`, newKeyValue('nobody00')), { address })
    }
    expect(held.entries.length).toBeLessThan(250)
    held.gate[Symbol.dispose]()
    const more = held.entries.map(({ subject }) => Number(/\((\d+) more/.exec(subject)?.[1] ?? 0))
    const firsts = more.filter((count) => count === 0).length
    expect(firsts + more.reduce((sum, count) => sum + count, 0)).toBe(3_000)
    expect(held.entries.length).toBeLessThan(500)
  })
})

describe('a change of credentials', () => {
  const open = async (held: TestGate, proof: Proof) => {
    const result = await held.login(proof)
    if (!result.ok) throw new Error('refused')
    return held.gate.open(result.principal, { door: 'webdav', address: OWNER, client: '' })
  }

  test.each<[string, () => { person: Person; change: (held: Person) => void; kept: boolean }]>([
    [
      'another password',
      () => ({ person: person(PASSWORD), change: (it) => set(it, { passwordHash: 'x' }), kept: false }),
    ],
    [
      'U6: disabled',
      () => ({ person: person(PASSWORD), change: (it) => set(it.user, { enabled: false }), kept: false }),
    ],
    [
      'D7: passwords no longer allowed',
      () => ({
        person: person(PASSWORD, { site: { settings: { ...account().site.settings } } }),
        change: (it) => set(it.site.settings, { passwordLogin: false }),
        kept: false,
      }),
    ],
    [
      'another name',
      () => ({ person: person(PASSWORD), change: (it) => set(it.user, { name: 'anna' }), kept: true }),
    ],
  ])('cuts a user’s session when it takes something away: %s', async (_, make) => {
    const { person: ann, change, kept } = make()
    using held = openGate([], [ann])
    const session = await open(held, password('ann', PASSWORD))
    change(ann)
    held.feed.tell({ kind: 'user', userId: 'u1' })
    await vi.waitFor(() => expect(held.gate.sessions.list().length).toBe(kept ? 1 : 0), 10_000)
    expect(session.signal.aborted).toBe(!kept)
  })

  test('D8: cuts guests when the guest key is disabled', async () => {
    const guest = account({ key: { id: 'guestkey', name: 'guest', type: 'guest' }, user: null })
    using held = openGate([guest])
    const session = await open(held, { kind: 'none' })
    set(guest.key, { enabled: false })
    held.feed.tell({ kind: 'key', keyId: 'guestkey' })
    await vi.waitFor(() => expect(session.signal.aborted).toBe(true), 10_000)
    expect((await held.login({ kind: 'none' })).ok).toBe(false)
  })

  test('K5: a chosen value that was remembered is refused at once when its key is disabled', async () => {
    const key = account({ value: chosen(CHOSEN) })
    using held = openGate([key])
    expect((await held.login(password('@api-backup', CHOSEN))).ok).toBe(true)
    set(key.key, { enabled: false })
    held.feed.tell({ kind: 'key', keyId: KEY_ID })
    expect((await held.login(password('@api-backup', CHOSEN))).ok).toBe(false)
  })
})

describe('R1: when changes cannot be read, it fails closed', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  test('nobody is let in after 5 s, and sessions are cut after the grace', async () => {
    using held = openGate([account()])
    const owner = password('@api-backup', VALUE)
    const result = await held.login(owner)
    if (!result.ok) throw new Error('refused')
    const session = held.gate.open(result.principal, { door: 'sftp', address: OWNER, client: '' })
    held.feed.stale = 5_000
    expect((await held.login(owner)).ok).toBe(true)
    held.feed.stale = 5_001
    await expect(held.login(owner)).rejects.toMatchObject({ code: 'unavailable' })
    held.feed.stale = 30_000
    vi.advanceTimersByTime(1_000)
    expect(session.signal.aborted).toBe(false)
    held.feed.stale = 30_001
    vi.advanceTimersByTime(1_000)
    expect(session.signal.reason).toMatchObject({ reason: 'stale' })
    held.feed.stale = 0
    expect((await held.login(owner)).ok).toBe(true)
  })
})

/** Changes a record in place, as the database would. */
function set<T extends object>(record: T, fields: Partial<T>): void {
  Object.assign(record, fields)
}
