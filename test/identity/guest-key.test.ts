import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createKey } from '#identity/create-key.ts'
import { createGuestKey, type GuestKeyInput, guestConfig } from '#identity/guest-key.ts'
import { deleteKey, disableKey, enableKey, updateKey } from '#identity/keys.ts'
import { PRESETS } from '#permissions/scopes.ts'
import { type Office, OPERATOR, openOffice } from './office.ts'

let office: Office
beforeAll(async () => {
  office = await openOffice()
})
afterAll(() => office[Symbol.asyncDispose]())

const create = (input: GuestKeyInput = {}, actor = OPERATOR, siteId = office.site.id) =>
  createGuestKey(office.deps, actor, siteId, input)
const refused = (code: string) => expect.objectContaining({ code })

describe('K1: the guest key', () => {
  test('is one for each site, is named guest, has no value and no pair, and reads only', async () => {
    const key = await create({ basePath: '/public' })
    expect(key).toMatchObject({ type: 'guest', name: 'guest', userId: null, values: [], accessKeyId: null })
    expect(key).toMatchObject({ basePath: '/public', scopes: PRESETS.get('read_only'), enabled: true })
    expect(await office.deps.store.keyById(office.site.id, key.id)).toEqual(key)
    await expect(create()).rejects.toEqual(refused('exists'))
    expect((await create({}, OPERATOR, office.other.id)).siteId).toBe(office.other.id)
    await deleteKey(office.deps, OPERATOR, office.site.id, key.id)
    const again = await create()
    await deleteKey(office.deps, OPERATOR, office.site.id, again.id)
  })

  test.each<[string, GuestKeyInput]>([
    ['another name', { name: 'visitor' }],
    ['the scope admin', { scopes: ['files.read', 'admin'] }],
    ['the scope folders.write', { scopes: ['folders.write'] }],
    ['the scope folders.purge', { scopes: ['addon.hard_delete_categories'] }],
    ['everything', { scopes: ['full'] }],
  ])('never has %s', async (_, input) => {
    await expect(create(input)).rejects.toEqual(refused('invalid'))
  })

  test('never gets by a change what it may not have at first', async () => {
    const { id } = await create()
    const change = (changes: Parameters<typeof updateKey>[4]) =>
      updateKey(office.deps, OPERATOR, office.site.id, id, changes)
    await expect(change({ scopes: ['full'] })).rejects.toEqual(refused('invalid'))
    await expect(change({ name: 'visitor' })).rejects.toEqual(refused('invalid'))
    expect((await change({ scopes: ['upload_only'], basePath: '/in' })).basePath).toBe('/in')
    await deleteKey(office.deps, OPERATOR, office.site.id, id)
  })

  test('keeps its name for itself', async () => {
    const input = { name: 'guest', type: 'site' } as const
    await expect(createKey(office.deps, OPERATOR, office.site.id, input)).rejects.toEqual(refused('invalid'))
    const { key } = await createKey(office.deps, OPERATOR, office.site.id, { name: 'a', type: 'site' })
    const rename = updateKey(office.deps, OPERATOR, office.site.id, key.id, { name: 'guest' })
    await expect(rename).rejects.toEqual(refused('invalid'))
  })

  test('is made by administrators of the site only', async () => {
    const person = { kind: 'person', key: null } as const
    for (const actor of [office.actor(office.member), office.actor(office.member, person)]) {
      await expect(create({}, actor)).rejects.toEqual(refused('forbidden'))
    }
    const foreign = create({}, office.actor(office.admin), office.other.id)
    await expect(foreign).rejects.toEqual(refused('not_found'))
    const key = await create({}, office.actor(office.admin))
    await deleteKey(office.deps, OPERATOR, office.site.id, key.id)
  })
})

describe('D5: the guest key’s settings', () => {
  const config = async (siteId: string | null = office.site.id) =>
    (await guestConfig(office.deps, siteId))?.name

  test('are answered while it opens something', async () => {
    expect(await config()).toBeUndefined()
    const { id } = await create({ expiresAt: office.clock.now() + 1000 })
    expect(await config()).toBe('guest')
    await disableKey(office.deps, OPERATOR, office.site.id, id)
    expect(await config()).toBeUndefined()
    await enableKey(office.deps, OPERATOR, office.site.id, id)
    await updateKey(office.deps, OPERATOR, office.site.id, id, { scopes: ['none'] })
    expect(await config()).toBeUndefined()
    await updateKey(office.deps, OPERATOR, office.site.id, id, { scopes: ['read_only'] })
    expect(await config()).toBe('guest')
    office.clock.advance(1000)
    expect(await config()).toBeUndefined()
  })

  test('where no site is known, are those of the only site, and of none where there are several', async () => {
    expect(await config(null)).toBeUndefined()
    const only = { ...office.deps, store: { ...office.deps.store, sites: async () => [office.other] } }
    expect((await guestConfig(only, null))?.siteId).toBe(office.other.id)
  })
})
