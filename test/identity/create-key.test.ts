import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pairContext } from '#credentials/sealing.ts'
import { digestValue, readValue } from '#credentials/values.ts'
import { createKey, type NewKeyInput } from '#identity/create-key.ts'
import { addUser } from '#identity/users.ts'
import { ALL_SCOPES, PRESETS, scopesOf } from '#permissions/scopes.ts'
import { type Office, OPERATOR, openOffice } from './office.ts'

let office: Office
beforeAll(async () => {
  office = await openOffice()
})
afterAll(() => office[Symbol.asyncDispose]())

const DAY = 86_400_000
let count = 0

function forMia(input: Partial<NewKeyInput> = {}): NewKeyInput {
  return { name: `key ${++count}`, type: 'user', user: { id: office.member.id }, ...input }
}

function create(input: NewKeyInput, actor = OPERATOR, deps = office.deps) {
  return createKey(deps, actor, office.site.id, input)
}

describe('a new key', () => {
  test('K4: its value carries its id, is kept as a keyed digest only, and lists show a mask', async () => {
    const { key, value } = await create(forMia())
    expect(readValue(value)).toEqual({ kind: 'generated', keyId: key.id })
    const account = await office.records.credentials.accountByKeyId(key.id)
    expect(account?.values.map(({ digest }) => digest)).toEqual([digestValue(office.deps.pepper, value)])
    const shown = await office.deps.store.keyById(office.site.id, key.id)
    expect(shown).toEqual(key)
    expect(JSON.stringify(shown)).not.toContain(value)
    expect(shown?.values[0]?.masked).toMatch(/^lk_[0-9A-Za-z]{8}_…[0-9A-Za-z]{4}$/)
  })

  test('K12: its S3 secret is sealed for this key and version', async () => {
    const { key, pair } = await create(forMia({ pair: true }))
    const account = await office.records.credentials.accountByAccessKeyId(pair?.accessKeyId ?? '')
    expect(account?.key.id).toBe(key.id)
    const { sealed = Buffer.alloc(0), version = 0 } = account?.pair ?? {}
    expect(office.sealer.open(sealed, pairContext(key.id, version)).toString()).toBe(pair?.secretAccessKey)
    expect(sealed.includes(pair?.secretAccessKey ?? '')).toBe(false)
    expect(() => office.sealer.open(sealed, pairContext(key.id, version + 1))).toThrow()
  })

  test('K1: a site key belongs to nobody and has every scope', async () => {
    const { key, pair } = await create({ name: 'automation', type: 'site' })
    expect(key).toMatchObject({ userId: null, userName: null, scopes: ALL_SCOPES, basePath: '/' })
    expect(pair).toBeNull()
  })

  test('a user key has files on every door unless scopes are named, by name or preset', async () => {
    expect((await create(forMia())).key.scopes).toBe(PRESETS.get('files_only'))
    const named = await create(forMia({ scopes: ['read_only', 'files.write'], basePath: '/inbox/' }))
    expect(named.key.scopes).toBe((PRESETS.get('read_only') ?? 0) | scopesOf('files.write'))
    expect(named.key.basePath).toBe('/inbox')
  })

  test('made by an administrator without naming a user belongs to that administrator', async () => {
    const { name } = forMia()
    const { key } = await create({ name, type: 'user' }, office.actor(office.admin))
    expect(key.userName).toBe('ada')
  })

  test('is recorded with who made it, from where, and without its value', async () => {
    const { key, value } = await create(forMia(), office.actor(office.admin))
    const entries = office.audit()
    const entry = entries.find(({ subject }) => String(subject).includes(key.id))
    expect(entry).toMatchObject({
      action: 'key.create',
      outcome: 'ok',
      user_name: 'ada',
      key_name: 'presented',
      door: 'rest',
      address: '192.0.2.1',
    })
    expect(JSON.stringify(entries)).not.toContain(value)
  })
})

describe('K6: expiry', () => {
  const expiry = async (expiresAt: number | null | undefined, settings = {}) =>
    (await create(forMia({ expiresAt }), OPERATOR, office.withSettings(settings))).key.expiresAt

  test('the factory default is 30 days, and never is allowed', async () => {
    const now = office.clock.now()
    expect(await expiry(undefined)).toBe(now + 30 * DAY)
    expect(await expiry(null)).toBeNull()
    expect(await expiry(now + 1)).toBe(now + 1)
  })

  test('the site’s default, one day or none, is taken', async () => {
    expect(await expiry(undefined, { defaultKeyLifetime: DAY })).toBe(office.clock.now() + DAY)
    expect(await expiry(undefined, { defaultKeyLifetime: null })).toBeNull()
  })

  test('the default never exceeds the site’s maximum', async () => {
    const latest = office.clock.now() + DAY
    expect(await expiry(undefined, { maxKeyLifetime: DAY })).toBe(latest)
    expect(await expiry(undefined, { maxKeyLifetime: DAY, defaultKeyLifetime: null })).toBe(latest)
    expect(await expiry(latest, { maxKeyLifetime: DAY })).toBe(latest)
  })

  test.each([
    ['beyond the maximum', () => office.clock.now() + DAY + 1, { maxKeyLifetime: DAY }],
    ['never where there is a maximum', () => null, { maxKeyLifetime: DAY }],
    ['never where the site forbids it', () => null, { allowNeverExpire: false }],
    ['an instant that is over', () => office.clock.now(), {}],
    ['no instant', () => Number.NaN, {}],
    ['beyond year 9999', () => 1e15, {}],
  ])('%s is refused', async (_, at, settings) => {
    await expect(expiry(at(), settings)).rejects.toMatchObject({ code: 'invalid' })
  })

  test('K7: new keys wait for an enable where the site says so', async () => {
    const deps = office.withSettings({ newKeysStartDisabled: true })
    expect((await create(forMia(), OPERATOR, deps)).key.enabled).toBe(false)
  })
})

describe('what is refused', () => {
  test.each([
    ['an empty name', ''],
    ['a name with a colon', 'a:b'],
    ['a name with a slash', 'a/b'],
    ['a name with a control character', 'a\u0007b'],
    ['a name with a line separator', 'a\u2028b'],
    ['a name of digits only', '12345678'],
    ['a name of 101 characters', 'x'.repeat(101)],
    ['a name that starts with a space', ' a'],
    ['a name that is not Unicode', 'a\ud800'],
  ])('K3: %s', async (_, name) => {
    await expect(create(forMia({ name }))).rejects.toMatchObject({ code: 'invalid' })
  })

  test('K3: a name that is taken on this site, but not one that is taken on another', async () => {
    const { name } = (await create(forMia())).key
    await expect(create(forMia({ name }))).rejects.toMatchObject({ code: 'exists' })
    const elsewhere = await createKey(office.deps, OPERATOR, office.other.id, { name, type: 'site' })
    expect(elsewhere.key.name).toBe(name)
  })

  test('K3: a name that is the id of another key, also of another site', async () => {
    const { key } = await create(forMia())
    await expect(create(forMia({ name: key.id }))).rejects.toMatchObject({ code: 'exists' })
    const abroad = await createKey(office.deps, OPERATOR, office.other.id, { name: 'far', type: 'site' })
    await expect(create(forMia({ name: abroad.key.id }))).rejects.toMatchObject({ code: 'exists' })
  })

  test.each<[string, Partial<NewKeyInput>]>([
    ['K1: a site key with a user', { type: 'site' }],
    ['K12: a site key with an S3 pair', { type: 'site', user: undefined, pair: true }],
    ['a site key with scopes', { type: 'site', user: undefined, scopes: ['read_only'] }],
    ['a site key with a base path', { type: 'site', user: undefined, basePath: '/a' }],
    ['a user key without a user', { user: undefined }],
    ['an unknown scope', { scopes: ['files.fly'] }],
    ['a base path with dot segments', { basePath: '/a/../b' }],
    ['a description with control characters', { description: 'a\u001b[2J' }],
    ['a description of 1001 characters', { description: 'x'.repeat(1001) }],
  ])('%s', async (_, input) => {
    await expect(create(forMia(input))).rejects.toMatchObject({ code: 'invalid' })
  })

  test('U3: a key for a user of another site', async () => {
    const stranger = await addUser(office.deps, OPERATOR, office.other.id, { name: 'sam', role: 'member' })
    for (const user of [{ id: stranger.id }, { name: 'sam' }]) {
      await expect(create(forMia({ user }))).rejects.toMatchObject({ code: 'not_found' })
    }
  })
})

describe('who may create', () => {
  test('a site key may', async () => {
    expect((await create(forMia(), office.actor(null))).key.userName).toBe('mia')
  })

  test('an administrator may, with a key that has the scope admin', async () => {
    expect((await create({ name: 'by ada', type: 'site' }, office.actor(office.admin))).key.type).toBe('site')
    const narrow = office.actor(office.admin, { scopes: ALL_SCOPES & ~scopesOf('admin') })
    await expect(create(forMia(), narrow)).rejects.toMatchObject({ code: 'forbidden' })
  })

  test('K1: a member’s key never may, whatever its scopes and the site’s settings', async () => {
    const deps = office.withSettings({ usersMayCreateKeys: true })
    await expect(create(forMia(), office.actor(office.member), deps)).rejects.toMatchObject({
      code: 'forbidden',
    })
  })

  test('an administrator whose key has expired or lacks the door may not', async () => {
    const late = office.actor(office.admin, { expiresAt: office.clock.now() })
    await expect(create(forMia(), late)).rejects.toMatchObject({ code: 'forbidden' })
    const doorless = office.actor(office.admin, { scopes: scopesOf('admin') })
    await expect(create(forMia(), doorless)).rejects.toMatchObject({ code: 'forbidden' })
  })

  test('U2: nobody may on another site, which looks as if it were not there', async () => {
    for (const actor of [office.actor(null), office.actor(office.admin)]) {
      const refused = createKey(office.deps, actor, office.other.id, { name: 'x', type: 'site' })
      await expect(refused).rejects.toMatchObject({ code: 'not_found' })
    }
  })

  test('K2: members who logged in as themselves may for themselves, where the site allows it', async () => {
    const mia = office.actor(office.member, { kind: 'person', key: null })
    await expect(create(forMia(), mia)).rejects.toMatchObject({ code: 'forbidden' })
    const deps = office.withSettings({ usersMayCreateKeys: true })
    expect((await create(forMia({ user: undefined }), mia, deps)).key.userName).toBe('mia')
    const forOther = forMia({ user: { id: office.admin.id } })
    await expect(create(forOther, mia, deps)).rejects.toMatchObject({ code: 'forbidden' })
    const siteKey: NewKeyInput = { name: 'mine', type: 'site' }
    await expect(create(siteKey, mia, deps)).rejects.toMatchObject({ code: 'forbidden' })
  })
})
