import { describe, expect, test } from 'vitest'
import { authenticate } from '#credentials/authenticate.ts'
import type { Attempt } from '#credentials/gate.ts'
import type { Account, Person } from '#credentials/ports.ts'
import type { Proof } from '#credentials/proof.ts'
import { newKeyValue } from '#credentials/values.ts'
import { ALL_RIGHTS } from '#permissions/grants.ts'
import { parsePath } from '#permissions/path.ts'
import { ALL_SCOPES, scopesOf } from '#permissions/scopes.ts'
import { type AccountChanges, account, bench, chosen, KEY_ID, NOW, person, VALUE } from './accounts.ts'

const CHOSEN = 'correct horse battery'
const PASSWORD = 'tr0ub4dor and three'

const password = (login: string, value = VALUE): Proof => ({ kind: 'password', login, password: value })
const bearer = (value: string): Proof => ({ kind: 'bearer', value })
const right = (accessKeyId: string, keyId = KEY_ID): Proof => ({
  kind: 'sigv4',
  accessKeyId,
  matches: ({ text }) => text === `secret of ${keyId}`,
})

async function attempt(
  proof: Proof,
  { accounts = [account()], people = [] }: { accounts?: readonly Account[]; people?: readonly Person[] } = {},
  more: Partial<Attempt> = {},
) {
  const { deps } = bench(accounts, people)
  const verdict = await authenticate(deps, {
    door: 'webdav',
    address: '10.0.0.7',
    siteId: null,
    client: '',
    proof,
    ...more,
  })
  const outcome = verdict.ok ? (verdict.who.key?.id ?? verdict.who.user?.id) : verdict.reason
  return { outcome, verdict, principal: verdict.ok ? verdict.principal : null }
}

describe('authenticate(): keys', () => {
  test.each<[string, Proof, Partial<Attempt>, string]>([
    ['D1: @api- and the key id', password(`@api-${KEY_ID}`), {}, KEY_ID],
    ['D1: @api- and the key name', password('@api-backup'), {}, KEY_ID],
    ['D1: api- without @', password(`api-${KEY_ID}`), {}, KEY_ID],
    ['D1: another key’s name', password('@api-other'), {}, 'other_login'],
    ['D1: no name at all', password('@api-'), {}, 'other_login'],
    ['D1: the key’s bare name', password('backup'), {}, 'other_login'],
    ['D2: the value as user and password, WebDAV', password(VALUE), {}, KEY_ID],
    ['D2: not on SFTP', password(VALUE), { door: 'sftp' }, 'other_login'],
    ['D2: the value as user with another password', password(VALUE, 'x'), {}, 'unknown'],
    ['D3: the value alone, REST', bearer(VALUE), { door: 'rest' }, KEY_ID],
    ['K5: a typing error', password(`@api-${KEY_ID}`, `${VALUE.slice(0, 49)}!`), {}, 'mistyped'],
    ['an endless value', bearer('x'.repeat(10_000)), {}, 'mistyped'],
    ['an endless password', password('ann', 'x'.repeat(10_000)), {}, 'mistyped'],
    ['a value of no key', password(`@api-${KEY_ID}`, newKeyValue('nobody00')), {}, 'unknown'],
    ['a wrong value of this key', password(`@api-${KEY_ID}`, newKeyValue(KEY_ID)), {}, 'wrong_value'],
    ['an empty password', password(`@api-${KEY_ID}`, ''), {}, 'wrong_value'],
    ['nothing presented', { kind: 'none' }, {}, 'nothing_presented'],
    ['D4: a right signature', right('LKPAIR'), { door: 's3' }, KEY_ID],
    ['D4: a wrong signature', right('LKPAIR', 'other'), { door: 's3' }, 'wrong_value'],
    [
      'D4: an unknown pair, whatever it matches',
      { kind: 'sigv4', accessKeyId: 'LKNONE', matches: () => true },
      { door: 's3' },
      'unknown',
    ],
  ])('%s', async (_, proof, more, expected) => {
    expect((await attempt(proof, {}, more)).outcome).toBe(expected)
  })

  test('D1: where no site is known and the name exists in several, the value decides', async () => {
    const other = newKeyValue('k2k2k2k2')
    const elsewhere = account({ site: { id: 's2' }, key: { id: 'k2k2k2k2' } })
    const accounts = [account(), { ...elsewhere, values: valuesOf(other) }]
    expect((await attempt(password('@api-backup'), { accounts })).outcome).toBe(KEY_ID)
    expect((await attempt(password('@api-backup', other), { accounts })).outcome).toBe('k2k2k2k2')
    const at = { siteId: 's2' }
    expect((await attempt(password('@api-backup'), { accounts }, at)).outcome).toBe('other_site')
    expect((await attempt(password('@api-backup', other), { accounts }, at)).outcome).toBe('k2k2k2k2')
  })

  test('K1: a user key is its user narrowed, a site key holds everything', async () => {
    const narrow = [account({ key: { scopes: 3 } })]
    expect((await attempt(password('@api-backup'), { accounts: narrow })).outcome).toBe('door_scope')
    const site = [account({ key: { type: 'site', scopes: 0 }, user: null })]
    expect((await attempt(password('@api-backup'), { accounts: site })).principal).toMatchObject({
      kind: 'site',
      role: 'administrator',
      user: null,
      basePath: '/',
    })
  })

  test('the session ends at the earliest of key, user and value', async () => {
    const changes: AccountChanges = {
      key: { expiresAt: NOW + 30 },
      user: { expiresAt: NOW + 20 },
      value: { stopsAt: NOW + 10 },
    }
    const { principal } = await attempt(password('@api-backup'), { accounts: [account(changes)] })
    expect(principal?.expiresAt).toBe(NOW + 10)
  })
})

describe('authenticate(): chosen values (K5)', () => {
  const accounts = [account({ value: chosen(CHOSEN) })]

  test.each<[string, Proof, Partial<Attempt>, string]>([
    ['by the key’s name', password('@api-backup', CHOSEN), {}, KEY_ID],
    ['by the key’s id', password(`api-${KEY_ID}`, CHOSEN), { door: 'sftp' }, KEY_ID],
    ['alone, as bearer', bearer(CHOSEN), { door: 'rest' }, KEY_ID],
    ['D2: as user and password', password(CHOSEN, CHOSEN), {}, KEY_ID],
    ['a wrong one', password('@api-backup', 'wrong horse battery'), {}, 'wrong_value'],
    ['of another login', password('@api-other', CHOSEN), {}, 'unknown'],
    ['at another site', password('@api-backup', CHOSEN), { siteId: 's2' }, 'other_site'],
    ['a bearer of nothing', bearer('wrong horse battery'), { door: 'rest' }, 'unknown'],
  ])('%s', async (_, proof, more, expected) => {
    expect((await attempt(proof, { accounts }, more)).outcome).toBe(expected)
  })

  test('D1: the same name in several sites: the value decides, and the site where one is known', async () => {
    const second = account({
      site: { id: 's2' },
      key: { id: 'k2k2k2k2' },
      value: chosen('another horse here'),
    })
    const same = account({ site: { id: 's3' }, key: { id: 'k3k3k3k3' }, value: chosen(CHOSEN) })
    const all = { accounts: [...accounts, second, same] }
    expect((await attempt(password('@api-backup', 'another horse here'), all)).outcome).toBe('k2k2k2k2')
    expect((await attempt(password('@api-backup', CHOSEN), all, { siteId: 's3' })).outcome).toBe('k3k3k3k3')
    expect((await attempt(password('@api-backup', CHOSEN), all, { siteId: 's1' })).outcome).toBe(KEY_ID)
  })

  test('the second login costs no Argon2id and no look-up, until a minute passed or something changed', async () => {
    const { deps, steps, clock, cached } = bench(accounts)
    const login = async () => {
      const before = { ...steps }
      const proof = password('@api-backup', CHOSEN)
      const verdict = await authenticate(deps, {
        door: 'webdav',
        address: 'a',
        siteId: null,
        client: '',
        proof,
      })
      expect(verdict.ok).toBe(true)
      return { argon2: steps.argon2 - before.argon2, lookUps: steps.lookUps - before.lookUps }
    }
    expect(await login()).toEqual({ argon2: 1, lookUps: 3 })
    expect(await login()).toEqual({ argon2: 0, lookUps: 0 })
    const change = { kind: 'key', siteId: 's1', keyId: KEY_ID, userId: null } as const
    cached.drop(change)
    deps.verified.drop(change)
    expect((await login()).argon2).toBe(1)
    clock.at += 59_999
    expect((await login()).argon2).toBe(0)
    clock.at += 1
    expect((await login()).argon2).toBe(1)
  })

  test('what was remembered of a value is worth nothing when its hash has changed', async () => {
    const held = account({ value: chosen(CHOSEN) })
    const { deps, cached } = bench([held])
    const proof = password('@api-backup', CHOSEN)
    const login = () => authenticate(deps, { door: 'webdav', address: 'a', siteId: null, client: '', proof })
    expect((await login()).ok).toBe(true)
    Object.assign(held, { values: [{ ...held.values[0], ...chosen('another horse here') }] })
    cached.drop({ kind: 'key', siteId: 's1', keyId: KEY_ID, userId: null })
    expect((await login()).ok).toBe(false)
  })
})

describe('authenticate(): users with their own password (D7)', () => {
  const people = [person(PASSWORD)]

  test('is the user: every scope, the grants, conditions of site and user, the user’s expiry', async () => {
    const grants = [{ path: parsePath('/team'), recursive: true, rights: ALL_RIGHTS }]
    const ann = {
      ...person(PASSWORD, { user: { expiresAt: NOW + 5, conditions: { notBefore: 1 } } }),
      grants,
    }
    const { principal } = await attempt(password('ann', PASSWORD), { people: [ann] }, { door: 'sftp' })
    expect(principal).toMatchObject({
      kind: 'person',
      user: { id: 'u1', name: 'ann' },
      key: null,
      role: 'member',
      scopes: ALL_SCOPES,
      grants,
      conditions: [{}, { notBefore: 1 }],
      expiresAt: NOW + 5,
    })
    const boss = [person(PASSWORD, { user: { role: 'administrator' } })]
    const administrator = await attempt(password('ann', PASSWORD), { people: boss })
    expect(administrator.principal?.grants).toEqual([{ path: '/', recursive: true, rights: ALL_RIGHTS }])
  })

  const off = { settings: { ...account().site.settings, passwordLogin: false } }
  test.each<[string, readonly Person[], Proof, Partial<Attempt>, string]>([
    ['a wrong password', people, password('ann', 'something else 12'), {}, 'wrong_value'],
    ['an unknown name', people, password('bob', PASSWORD), {}, 'unknown'],
    ['no password set', [person(null)], password('ann', PASSWORD), {}, 'wrong_value'],
    ['at another site', people, password('ann', PASSWORD), { siteId: 's2' }, 'unknown'],
    [
      'where the site does not allow it',
      [person(PASSWORD, { site: off })],
      password('ann', PASSWORD),
      {},
      'no_passwords',
    ],
    [
      'U6: disabled',
      [person(PASSWORD, { user: { enabled: false } })],
      password('ann', PASSWORD),
      {},
      'user_disabled',
    ],
    [
      'expired',
      [person(PASSWORD, { user: { expiresAt: NOW } })],
      password('ann', PASSWORD),
      {},
      'user_expired',
    ],
    [
      'of a disabled site',
      [person(PASSWORD, { site: { enabled: false } })],
      password('ann', PASSWORD),
      {},
      'site_disabled',
    ],
    [
      'K11: not through this door',
      [person(PASSWORD, { user: { conditions: { doors: ['ftp'] } } })],
      password('ann', PASSWORD),
      {},
      'door',
    ],
  ])('%s is refused', async (_, who, proof, more, reason) => {
    expect((await attempt(proof, { accounts: [], people: who }, more)).outcome).toBe(reason)
  })

  test('the name in several sites and no site known: the password decides', async () => {
    const both = [person(PASSWORD), person('another password', { site: { id: 's2' }, user: { id: 'u2' } })]
    expect((await attempt(password('ann', PASSWORD), { people: both })).outcome).toBe('u1')
    expect((await attempt(password('ann', 'another password'), { people: both })).outcome).toBe('u2')
    expect(
      (await attempt(password('ann', 'another password'), { people: both }, { siteId: 's1' })).outcome,
    ).toBe('wrong_value')
  })
})

describe('authenticate(): guests (D8)', () => {
  const scopes = scopesOf('files.list', 'files.read', 'webdav.read', 'ftp', 'rest', 's3')
  const guestKey = (key = {}) =>
    account({
      key: { id: 'guestkey', name: 'guest', type: 'guest', scopes, basePath: parsePath('/public'), ...key },
      user: null,
      pair: null,
    })

  test.each<[string, Proof, Partial<Attempt>]>([
    ['nothing presented on WebDAV', { kind: 'none' }, {}],
    ['nothing presented on REST', { kind: 'none' }, { door: 'rest' }],
    ['nothing presented on S3', { kind: 'none' }, { door: 's3' }],
    ['anonymous and a mail address on FTP', password('anonymous', 'ann@example.org'), { door: 'ftp' }],
    ['Anonymous without a password on FTP', password('Anonymous', ''), { door: 'ftp' }],
    ['guest on WebDAV', password('guest', 'guest'), {}],
  ])('%s is the guest', async (_, proof, more) => {
    const { principal } = await attempt(proof, { accounts: [guestKey()] }, more)
    expect(principal).toMatchObject({
      kind: 'guest',
      user: null,
      role: 'member',
      scopes,
      basePath: '/public',
    })
  })

  test.each<[string, readonly Account[], Proof, Partial<Attempt>, string]>([
    ['where there is no guest key', [account()], { kind: 'none' }, {}, 'nothing_presented'],
    ['where there is none, by name', [account()], password('anonymous', ''), { door: 'ftp' }, 'no_guest'],
    ['while it is disabled', [guestKey({ enabled: false })], { kind: 'none' }, {}, 'key_disabled'],
    ['after it expired', [guestKey({ expiresAt: NOW })], { kind: 'none' }, {}, 'key_expired'],
    [
      'through a door that it has no scope for',
      [guestKey({ scopes: 1 })],
      { kind: 'none' },
      {},
      'door_scope',
    ],
    ['at another site', [guestKey()], { kind: 'none' }, { siteId: 's2' }, 'nothing_presented'],
    [
      'where several sites are and none is named',
      [guestKey(), account({ site: { id: 's2' } })],
      { kind: 'none' },
      {},
      'nothing_presented',
    ],
    ['with anonymous on SFTP', [guestKey()], password('anonymous', 'x'), { door: 'sftp' }, 'unknown'],
  ])('%s nobody is', async (_, accounts, proof, more, reason) => {
    expect((await attempt(proof, { accounts }, more)).outcome).toBe(reason)
  })
})

function valuesOf(value: string): Account['values'] {
  return account({ value: { id: 'v2', ...digestOf(value) } }).values
}

function digestOf(value: string) {
  const { deps } = bench([])
  return { digest: deps.checks.digest(value) }
}
