import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cleanExpiredKeys } from '#identity/clean-keys.ts'
import { createKey, type NewKeyInput } from '#identity/create-key.ts'
import { type KeyChanges, listKeys, updateKey } from '#identity/keys.ts'
import { type Office, OPERATOR, openOffice } from './office.ts'

const DAY = 86_400_000

let office: Office
beforeAll(async () => {
  office = await openOffice()
})
afterAll(() => office[Symbol.asyncDispose]())

let count = 0
const make = async (input: Partial<NewKeyInput> = {}, deps = office.deps) => {
  const user = input.type === 'site' ? undefined : { id: office.member.id }
  const key = { name: `key ${++count}`, type: 'user', user, ...input } as const
  return (await createKey(deps, OPERATOR, office.site.id, key)).key
}
const change = (id: string, changes: KeyChanges, deps = office.deps) =>
  updateKey(deps, OPERATOR, office.site.id, id, changes)
const invalid = expect.objectContaining({ code: 'invalid' })

describe('K11: conditions of a key', () => {
  const office_hours = { days: ['mon', 'fri'], from: '08:00', to: '18:00', zone: 'Europe/Vienna' }

  test('are taken at its making, and changed by what is named', async () => {
    const notBefore = office.clock.now()
    const conditions = {
      allow: ['10.0.0.0/8', '2001:db8::1'],
      doors: ['sftp'],
      windows: [office_hours],
      notBefore,
    }
    const key = await make({ conditions })
    const windows = [{ days: [1, 5], from: 480, to: 1080, zone: 'Europe/Vienna' }]
    expect(key.conditions).toEqual({ ...conditions, windows })
    const changed = await change(key.id, { conditions: { deny: ['10.1.0.0/16'], windows: null } })
    expect(changed.conditions).toEqual({
      allow: conditions.allow,
      deny: ['10.1.0.0/16'],
      doors: ['sftp'],
      notBefore,
    })
    expect(await office.deps.store.keyById(office.site.id, key.id)).toEqual(changed)
  })

  test('K1: bind a site key too', async () => {
    expect((await make({ type: 'site', conditions: { allow: ['192.0.2.1'] } })).conditions).toEqual({
      allow: ['192.0.2.1'],
    })
  })

  test.each([
    ['a range that is none', { allow: ['10.0.0.0/33'] }],
    ['a host name', { deny: ['example.org'] }],
    ['an unknown door', { doors: ['telnet'] }],
    ['an unknown weekday', { windows: [{ ...office_hours, days: ['payday'] }] }],
    ['no weekday', { windows: [{ ...office_hours, days: [] }] }],
    ['an hour that no clock shows', { windows: [{ ...office_hours, from: '25:00' }] }],
    ['a window without length', { windows: [{ ...office_hours, to: '08:00' }] }],
    ['a time zone that nobody knows', { windows: [{ ...office_hours, zone: 'Mars/Olympus' }] }],
    ['an instant that cannot be written', { notBefore: Number.NaN }],
  ])('are refused with %s', async (_, conditions) => {
    await expect(make({ conditions })).rejects.toEqual(invalid)
  })
})

describe('S2: the storage list of a key', () => {
  test('names mounts of its site by id or path; null lifts it', async () => {
    const [mount] = await office.deps.store.mounts(office.site.id)
    const key = await make({ storages: ['/', mount?.id ?? ''] })
    expect(key.storages).toEqual([mount?.id])
    expect((await change(key.id, { storages: null })).storages).toBeNull()
    expect((await change(key.id, { storages: [] })).storages).toEqual([])
  })

  test('names no mount of another site, and none that is not there', async () => {
    const [foreign] = await office.deps.store.mounts(office.other.id)
    for (const storage of [foreign?.id ?? '', '/nowhere']) {
      await expect(make({ storages: [storage] })).rejects.toEqual(invalid)
    }
    const site = await make({ type: 'site' })
    await expect(change(site.id, { storages: ['/'] })).rejects.toEqual(invalid)
  })
})

test('S3: scopes may be named by CloudPaste’s bits and by a number', async () => {
  const key = await make({ scopes: ['MOUNT_VIEW', '512'] })
  expect(key.scopes).toBe((await make({ scopes: ['768'] })).scopes)
})

describe('K6: a site’s maximum lifetime', () => {
  test('counts from the making of the key: no change stretches it', async () => {
    const deps = office.withSettings({ maxKeyLifetime: 10 * DAY })
    const key = await make({ expiresAt: office.clock.now() + DAY }, deps)
    office.clock.advance(5 * DAY)
    const last = key.createdAt + 10 * DAY
    expect((await change(key.id, { expiresAt: last }, deps)).expiresAt).toBe(last)
    await expect(change(key.id, { expiresAt: last + 1 }, deps)).rejects.toEqual(invalid)
    await expect(change(key.id, { expiresAt: null }, deps)).rejects.toEqual(invalid)
  })

  test('where keys have to expire and nothing says when, the creator has to', async () => {
    const deps = office.withSettings({ allowNeverExpire: false, defaultKeyLifetime: null })
    await expect(make({}, deps)).rejects.toEqual(invalid)
    expect((await make({ expiresAt: office.clock.now() + 1 }, deps)).expiresAt).not.toBeNull()
  })
})

describe('K6: the cleaner', () => {
  test('removes keys that expired longer ago than the site keeps them, and the audit keeps their names', async () => {
    await using own = await openOffice()
    const { deps, clock, site } = own
    const issue = async (name: string, expiresAt: number | null, siteId = site.id) =>
      (await createKey(deps, OPERATOR, siteId, { name, type: 'site', expiresAt })).key
    const early = await issue('early', clock.now() + 1)
    await issue('late', clock.now() + 2)
    await issue('forever', null)
    await issue('elsewhere', clock.now() + 1, own.other.id)
    clock.advance(1 + 90 * DAY)
    expect(await cleanExpiredKeys(deps)).toBe(2)
    const left = await listKeys(deps, OPERATOR, site.id)
    expect(left.map(({ name }) => name).toSorted()).toEqual(['forever', 'late'])
    expect(await cleanExpiredKeys(deps)).toBe(0)
    const removed = own.audit().filter(({ action }) => action === 'key.delete')
    expect(removed.map(({ subject, door }) => [subject, door])).toContainEqual([
      `key ${early.id} early (expired)`,
      null,
    ])
  })

  test('leaves the keys of a site that keeps them for ever', async () => {
    await using own = await openOffice()
    await createKey(own.deps, OPERATOR, own.site.id, {
      name: 'kept',
      type: 'site',
      expiresAt: own.clock.now() + 1,
    })
    own.clock.advance(1000 * DAY)
    const sites = (await own.deps.store.sites()).map((site) => ({
      ...site,
      settings: { ...site.settings, expiredKeyRetention: null },
    }))
    const deps = { ...own.deps, store: { ...own.deps.store, sites: async () => sites } }
    expect(await cleanExpiredKeys(deps)).toBe(0)
    expect(await cleanExpiredKeys(own.deps)).toBe(1)
  })
})

describe('K2: a list of keys', () => {
  test('of one user, type or state; a member sees none but their own, whatever is asked', async () => {
    await using own = await openOffice()
    const { deps, site, admin, member } = own
    const issue = async (name: string, user?: { id: string }) => {
      own.clock.advance(1)
      await createKey(deps, OPERATOR, site.id, { name, type: user ? 'user' : 'site', user })
    }
    await issue('a', admin)
    await issue('m', member)
    await issue('s')
    const list = async (listing: Parameters<typeof listKeys>[3], actor = OPERATOR, with_ = deps) =>
      (await listKeys(with_, actor, site.id, listing)).map(({ name }) => name)
    expect(await list({ user: { name: 'ada' } })).toEqual(['a'])
    expect(await list({ type: 'site' })).toEqual(['s'])
    expect(await list({ state: 'disabled' })).toEqual([])
    await expect(list({ user: { name: 'nobody' } })).rejects.toMatchObject({ code: 'not_found' })
    const mia = own.actor(member, { kind: 'person', key: null })
    const allowed = own.withSettings({ usersMayCreateKeys: true })
    expect(await list({ user: { name: 'mia' } }, mia, allowed)).toEqual(['m'])
    expect(await list({ type: 'site' }, mia, allowed)).toEqual(['m'])
    await expect(list({ user: { name: 'ada' } }, mia, allowed)).rejects.toMatchObject({ code: 'forbidden' })
    await expect(list({ user: { id: admin.id } }, mia, allowed)).rejects.toMatchObject({ code: 'forbidden' })
  })
})
