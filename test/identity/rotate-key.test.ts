import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { verifyPassword } from '#credentials/passwords.ts'
import { pairContext } from '#credentials/sealing.ts'
import { bucketOf, digestValue, readValue } from '#credentials/values.ts'
import { createKey, type IssuedKey, type NewKeyInput } from '#identity/create-key.ts'
import { createGuestKey } from '#identity/guest-key.ts'
import { getKey } from '#identity/keys.ts'
import { type RotationInput, rotateKey } from '#identity/rotate-key.ts'
import { addUser } from '#identity/users.ts'
import { type Office, OPERATOR, openOffice } from './office.ts'

const DAY = 86_400_000

let office: Office
beforeAll(async () => {
  office = await openOffice()
})
afterAll(() => office[Symbol.asyncDispose]())

let count = 0
const make = (input: Partial<NewKeyInput> = {}) =>
  createKey(office.deps, OPERATOR, office.site.id, {
    name: `key ${++count}`,
    type: 'user',
    user: { id: office.member.id },
    ...input,
  })
const rotate = (id: string, input?: RotationInput, actor = OPERATOR, deps = office.deps) => {
  // Values are listed by age.
  office.clock.advance(1)
  return rotateKey(deps, actor, office.site.id, id, input)
}
const invalid = expect.objectContaining({ code: 'invalid' })

describe('K9: a rotation', () => {
  test('gives the same key a new value, shown once; the old one stops when the overlap is over', async () => {
    const { key, value: old } = await make()
    const { key: rotated, value, pair } = await rotate(key.id, { overlap: DAY })
    expect(readValue(value)).toEqual({ kind: 'generated', keyId: key.id })
    expect(value).not.toBe(old)
    expect(pair).toBeNull()
    const stops = office.clock.now() + DAY
    expect(rotated.values.map(({ stopsAt }) => stopsAt)).toEqual([stops, null])
    expect(await getKey(office.deps, OPERATOR, office.site.id, key.id)).toEqual(rotated)
    const account = await office.records.credentials.accountByKeyId(key.id)
    const digests = [old, value].map((one) => digestValue(office.deps.pepper, one))
    expect(account?.values.map(({ digest }) => digest)).toEqual(digests)
  })

  test('without an overlap stops the old value at once, and never moves an end farther away', async () => {
    const { key } = await make()
    await rotate(key.id, { overlap: DAY })
    const ends = ({ key: { values } }: IssuedKey) => values.map(({ stopsAt }) => stopsAt)
    const near = await rotate(key.id, { overlap: 1000 })
    const soon = office.clock.now() + 1000
    expect(ends(near)).toEqual([soon, soon, null])
    const far = await rotate(key.id, { overlap: 30 * DAY })
    expect(ends(far)).toEqual([soon, soon, office.clock.now() + 30 * DAY, null])
    const none = await rotate(key.id)
    const now = office.clock.now()
    expect(ends(none)).toEqual([now, now, now, now, null])
    expect(await getKey(office.deps, OPERATOR, office.site.id, key.id)).toEqual(none.key)
  })

  test('keeps the last use of each value apart', async () => {
    const { key } = await make()
    const { key: rotated } = await rotate(key.id, { overlap: DAY })
    const [old, current] = rotated.values.map(({ id }) => id)
    const use = { address: '192.0.2.7', door: 'sftp', client: 'OpenSSH' }
    await office.records.lastUses.record([{ ...use, id: old ?? '', at: 5 }])
    await office.records.lastUses.record([{ ...use, id: current ?? '', at: 9, door: 'ftp' }])
    const { values } = await getKey(office.deps, OPERATOR, office.site.id, key.id)
    expect(values.map(({ lastUsedAt, lastUsedDoor }) => [lastUsedAt, lastUsedDoor])).toEqual([
      [5, 'sftp'],
      [9, 'ftp'],
    ])
    expect(values[0]).toMatchObject({ lastUsedAddress: '192.0.2.7', lastUsedClient: 'OpenSSH' })
  })

  test('leaves the S3 pair unless asked; a new pair replaces it under a higher version', async () => {
    const { key, pair: old } = await make({ pair: true })
    expect((await rotate(key.id)).key.accessKeyId).toBe(old?.accessKeyId)
    const { key: rotated, pair } = await rotate(key.id, { pair: true })
    expect(rotated).toMatchObject({ accessKeyId: pair?.accessKeyId, pairVersion: 2 })
    const { credentials } = office.records
    expect(await credentials.accountByAccessKeyId(old?.accessKeyId ?? '')).toBeNull()
    const account = await credentials.accountByAccessKeyId(pair?.accessKeyId ?? '')
    const sealed = account?.pair?.sealed ?? Buffer.alloc(0)
    expect(office.sealer.open(sealed, pairContext(key.id, 2)).toString()).toBe(pair?.secretAccessKey)
  })

  test('is recorded without the value', async () => {
    const { key } = await make()
    const { value } = await rotate(key.id, { overlap: DAY })
    const entries = office.audit()
    expect(entries.at(-1)).toMatchObject({ action: 'key.rotate', outcome: 'ok' })
    expect(entries.at(-1)?.subject).toContain(key.id)
    expect(JSON.stringify(entries)).not.toContain(value)
  })

  test('K5: takes a chosen value where the site allows it', async () => {
    const { key } = await make()
    await expect(rotate(key.id, { value: 'correct-horse-battery' })).rejects.toEqual(invalid)
    const deps = office.withSettings({ allowChosenValues: true })
    const { value } = await rotate(key.id, { value: 'correct-horse-battery' }, OPERATOR, deps)
    expect(value).toBe('correct-horse-battery')
    const account = await office.records.credentials.accountByKeyId(key.id)
    expect(await verifyPassword(account?.values[1]?.hash ?? '', value)).toBe(true)
  })

  test.each<[string, RotationInput]>([
    ['a negative overlap', { overlap: -1 }],
    ['more than 30 days', { overlap: 30 * DAY + 1 }],
    ['a fraction of a millisecond', { overlap: 0.5 }],
    ['a pair for a key that has none', { pair: true }],
  ])('refuses %s', async (_, input) => {
    await expect(rotate((await make()).key.id, input)).rejects.toEqual(invalid)
  })

  test('refuses a guest key, which has no value', async () => {
    const { id } = await createGuestKey(office.deps, OPERATOR, office.site.id, {})
    await expect(rotate(id)).rejects.toEqual(invalid)
  })
})

describe('K2: who may rotate', () => {
  test('K1: a member’s key may not, not even its own', async () => {
    const { key } = await make()
    const deps = office.withSettings({ usersMayCreateKeys: true })
    await expect(rotate(key.id, {}, office.actor(office.member), deps)).rejects.toMatchObject({
      code: 'forbidden',
    })
  })

  test('people may their own; another’s key, a site key and another site’s look as if they were not there', async () => {
    const deps = office.withSettings({ usersMayCreateKeys: true })
    const mia = office.actor(office.member, { kind: 'person', key: null })
    const { key } = await make()
    expect((await rotate(key.id, {}, mia, deps)).key.id).toBe(key.id)
    await expect(rotate(key.id, {}, mia)).rejects.toMatchObject({ code: 'forbidden' })
    const max = await addUser(office.deps, OPERATOR, office.site.id, { name: 'max', role: 'member' })
    const others = [
      await make({ user: { id: max.id } }),
      await make({ user: { id: office.admin.id } }),
      await make({ type: 'site', user: undefined }),
      await createKey(office.deps, OPERATOR, office.other.id, { name: 'far', type: 'site' }),
    ]
    for (const { key } of others) {
      await expect(rotate(key.id, {}, mia, deps)).rejects.toMatchObject({ code: 'not_found' })
    }
  })
})

describe('K5: a chosen value', () => {
  const choose = (value: string, deps = office.withSettings({ allowChosenValues: true })) =>
    createKey(deps, OPERATOR, office.site.id, {
      name: `chosen ${++count}`,
      type: 'user',
      user: { id: office.member.id },
      value,
    })

  test('is kept as Argon2id with a bucket of 16 bits, never as a digest, and its mask shows nothing of it', async () => {
    const { key, value } = await choose('tr0ub4dor&3-xkcd')
    expect(value).toBe('tr0ub4dor&3-xkcd')
    const bucket = bucketOf(office.deps.pepper, value)
    const accounts = await office.records.credentials.accountsByBucket(bucket)
    expect(accounts.map((account) => account.key.id)).toContain(key.id)
    const [kept] = (await office.records.credentials.accountByKeyId(key.id))?.values ?? []
    expect(kept).toMatchObject({ digest: null, hash: expect.stringMatching(/^\$argon2id\$/) })
    expect(await verifyPassword(kept?.hash ?? '', value)).toBe(true)
    expect(key.values).toMatchObject([{ masked: '…', chosen: true }])
    expect(JSON.stringify(office.audit())).not.toContain(value)
  })

  test('is refused where the site does not allow it', async () => {
    await expect(choose('tr0ub4dor&3-xkcd', office.deps)).rejects.toEqual(invalid)
  })

  test.each([
    ['of 11 characters', 'x'.repeat(11)],
    ['of 51 characters', 'x'.repeat(51)],
    ['that looks generated', 'lk_secret-secret'],
    ['that looks like a login', '@api-secret-secret'],
    ['that looks like a login in a URL', 'api-secret-secret'],
    ['D2: with a colon, where WebDAV ends a user name', 'secret:secret'],
    ['D3: with a space, where a header ends', 'secret secret'],
    ['with other letters than ASCII’s, which headers cannot hold', 'geheimnisträger'],
    ['with a control character', 'secret\u0007secret'],
  ])('is refused %s', async (_, value) => {
    await expect(choose(value)).rejects.toEqual(invalid)
  })

  test.each([12, 50])('of %i characters is taken', async (length) => {
    expect((await choose('y'.repeat(length))).value).toHaveLength(length)
  })
})
