import { describe, expect, test } from 'vitest'
import { authenticate } from '#credentials/authenticate.ts'
import type { Attempt } from '#credentials/gate.ts'
import type { Proof } from '#credentials/proof.ts'
import { newKeyValue } from '#credentials/values.ts'
import { type AccountChanges, account, KEY_ID, NOW, PEPPER, storeOf, VALUE } from './accounts.ts'

const SECRET = { text: 'secret' }

async function attempt(proof: Proof, changes: AccountChanges = {}, more: Partial<Attempt> = {}) {
  const store = storeOf(account(changes))
  const verdict = await authenticate(
    { store, pepper: PEPPER, clock: { now: () => NOW }, secretOf: () => SECRET },
    { door: 'webdav', address: '10.0.0.7', siteId: null, client: '', proof, ...more },
  )
  return { outcome: verdict.ok ? verdict.principal.key?.id : verdict.reason, lookUps: store.lookUps, verdict }
}

const password = (login: string, value = VALUE): Proof => ({ kind: 'password', login, password: value })

describe('authenticate()', () => {
  test.each<[string, Proof, Partial<Attempt>, string]>([
    ['D1: @api- and the key id', password(`@api-${KEY_ID}`), {}, KEY_ID],
    ['D1: @api- and the key name', password('@api-backup'), {}, KEY_ID],
    ['D1: api- without @', password(`api-${KEY_ID}`), {}, KEY_ID],
    ['D1: another key’s name', password('@api-other'), {}, 'other_login'],
    ['D1: no name at all', password('@api-'), {}, 'unknown'],
    ['a bare user name', password('ann'), {}, 'unknown'],
    ['D2: the value as user and password, WebDAV', password(VALUE), {}, KEY_ID],
    ['D2: not on SFTP', password(VALUE), { door: 'sftp' }, 'unknown'],
    ['D2: the value as user with another password', password(VALUE, 'x'), {}, 'unknown'],
    ['D3: the value alone, REST', { kind: 'bearer', value: VALUE }, { door: 'rest' }, KEY_ID],
    ['K5: a typing error', password(`@api-${KEY_ID}`, `${VALUE.slice(0, 49)}!`), {}, 'mistyped'],
    ['a value of no key', password(`@api-${KEY_ID}`, newKeyValue('nobody00')), {}, 'unknown'],
    ['a wrong value of this key', password(`@api-${KEY_ID}`, newKeyValue(KEY_ID)), {}, 'wrong_value'],
    ['an empty password', password(`@api-${KEY_ID}`, ''), {}, 'unknown'],
    ['nothing presented', { kind: 'none' }, {}, 'nothing_presented'],
    [
      'D4: a right signature',
      { kind: 'sigv4', accessKeyId: 'LKPAIR', matches: (s) => s === SECRET },
      { door: 's3' },
      KEY_ID,
    ],
    [
      'D4: a wrong signature',
      { kind: 'sigv4', accessKeyId: 'LKPAIR', matches: () => false },
      { door: 's3' },
      'wrong_value',
    ],
    [
      'D4: an unknown pair, whatever it matches',
      { kind: 'sigv4', accessKeyId: 'LKNONE', matches: () => true },
      { door: 's3' },
      'unknown',
    ],
  ])('%s', async (_, proof, more, expected) => {
    expect((await attempt(proof, {}, more)).outcome).toBe(expected)
  })

  test('R2: every refusal after a well-formed value costs one look-up', async () => {
    const refused = [
      await attempt(password(`@api-${KEY_ID}`, newKeyValue(KEY_ID))),
      await attempt(password(`@api-${KEY_ID}`, newKeyValue('nobody00'))),
      await attempt(password('@api-other')),
      await attempt(password(`@api-${KEY_ID}`), { key: { expiresAt: NOW } }),
      await attempt(password(`@api-${KEY_ID}`), { key: { enabled: false } }),
      await attempt(password(`@api-${KEY_ID}`), {}, { siteId: 's2' }),
    ]
    expect(refused.map(({ verdict }) => verdict.ok)).toEqual(refused.map(() => false))
    expect(refused.map(({ lookUps }) => lookUps)).toEqual(refused.map(() => 1))
  })

  test('R2: an unknown access key is compared all the same, with a decoy', async () => {
    let compared = 0
    const matches = () => {
      compared += 1
      return true
    }
    await attempt({ kind: 'sigv4', accessKeyId: 'LKNONE', matches }, {}, { door: 's3' })
    expect(compared).toBe(1)
  })

  test('K1: a user key is its user narrowed, a site key holds everything', async () => {
    const user = await attempt(password('@api-backup'), { key: { scopes: 3 } }, { door: 'webdav' })
    expect(user.outcome).toBe('door_scope')
    const site = await attempt(password('@api-backup'), {
      key: { type: 'site', scopes: 0, userId: null },
      user: null,
    })
    if (!site.verdict.ok) throw new Error(site.verdict.reason)
    expect(site.verdict.principal).toMatchObject({
      kind: 'site',
      role: 'administrator',
      user: null,
      basePath: '/',
    })
  })

  test('the session ends at the earliest of key, user and value', async () => {
    const { verdict } = await attempt(password('@api-backup'), {
      key: { expiresAt: NOW + 30 },
      user: { expiresAt: NOW + 20 },
      value: { stopsAt: NOW + 10 },
    })
    if (!verdict.ok) throw new Error(verdict.reason)
    expect(verdict.principal.expiresAt).toBe(NOW + 10)
  })
})
