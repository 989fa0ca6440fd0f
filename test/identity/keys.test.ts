import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createKey } from '#identity/create-key.ts'
import { deleteKey, disableKey, enableKey, findKey, getKey, listKeys, updateKey } from '#identity/keys.ts'
import type { KeyDetails } from '#identity/ports.ts'
import { type Office, OPERATOR, openOffice } from './office.ts'

let office: Office
let admins: KeyDetails
let members: KeyDetails
let site: KeyDetails
beforeAll(async () => {
  office = await openOffice()
  const make = async (name: string, user?: { id: string }) => {
    office.clock.advance(1)
    const input = { name, type: user ? 'user' : 'site', user } as const
    return (await createKey(office.deps, OPERATOR, office.site.id, input)).key
  }
  admins = await make('ada’s', office.admin)
  members = await make('mia’s', office.member)
  site = await make('automation')
})
afterAll(() => office[Symbol.asyncDispose]())

const refused = (code: string) => expect.objectContaining({ code })
const change = (key: KeyDetails, changes: Parameters<typeof updateKey>[4], actor = OPERATOR) =>
  updateKey(office.deps, actor, office.site.id, key.id, changes)

describe('keys of a site', () => {
  test('are listed oldest first, for administrators and site keys', async () => {
    for (const actor of [OPERATOR, office.actor(null), office.actor(office.admin)]) {
      const keys = await listKeys(office.deps, actor, office.site.id)
      expect(keys.map(({ name }) => name)).toEqual(['ada’s', 'mia’s', 'automation'])
    }
  })

  test('are found by id, by name and by login', async () => {
    for (const text of [members.id, members.name, `@api-${members.id}`, `@api-${members.name}`]) {
      expect((await findKey(office.deps, OPERATOR, office.site.id, text)).id).toBe(members.id)
    }
    await expect(findKey(office.deps, OPERATOR, office.site.id, 'nobody')).rejects.toEqual(
      refused('not_found'),
    )
  })

  test('K7: are disabled and enabled; the row and all else stay', async () => {
    const disabled = await disableKey(office.deps, OPERATOR, office.site.id, members.id)
    expect(disabled).toEqual({ ...members, enabled: false, disabledBy: 'administrator' })
    expect(await getKey(office.deps, OPERATOR, office.site.id, members.id)).toEqual(disabled)
    expect(await enableKey(office.deps, OPERATOR, office.site.id, members.id)).toEqual(members)
  })

  test('K7: scopes can be set to none and named again', async () => {
    expect((await change(members, { scopes: [] })).scopes).toBe(0)
    expect((await change(members, { scopes: ['files_only'] })).scopes).toBe(members.scopes)
  })

  test('a change leaves what it does not name', async () => {
    const changed = await change(members, { description: 'of mia' })
    expect(changed).toEqual({ ...members, description: 'of mia' })
    expect(await change(members, { description: '' })).toEqual(members)
  })

  test('K8: a deleted key is gone, and what was recorded of it stays', async () => {
    const input = { name: 'short-lived', type: 'site' } as const
    const { key } = await createKey(office.deps, OPERATOR, office.site.id, input)
    await deleteKey(office.deps, OPERATOR, office.site.id, key.id)
    await expect(getKey(office.deps, OPERATOR, office.site.id, key.id)).rejects.toEqual(refused('not_found'))
    const about = office.audit().filter(({ subject }) => String(subject).includes(key.id))
    expect(about.map(({ action }) => action)).toEqual(['key.create', 'key.delete'])
    expect(about.every(({ subject }) => String(subject).includes('short-lived'))).toBe(true)
  })
})

describe('a change is refused', () => {
  test('that changes nothing', async () => {
    await expect(change(members, {})).rejects.toEqual(refused('invalid'))
  })

  test('to a name or id of another key; its own are free', async () => {
    await expect(change(members, { name: 'ada’s' })).rejects.toEqual(refused('exists'))
    await expect(change(members, { name: admins.id })).rejects.toEqual(refused('exists'))
    expect((await change(members, { name: members.name })).name).toBe(members.name)
  })

  test('to a bad name, scope, base path or expiry', async () => {
    const past = office.clock.now() - 1
    for (const bad of [{ name: '1' }, { scopes: ['x'] }, { basePath: '/..' }, { expiresAt: past }]) {
      await expect(change(members, bad)).rejects.toEqual(refused('invalid'))
    }
  })

  test('K1: that would limit a site key', async () => {
    await expect(change(site, { scopes: [] })).rejects.toEqual(refused('invalid'))
    await expect(change(site, { basePath: '/a' })).rejects.toEqual(refused('invalid'))
  })
})

describe('who may touch keys', () => {
  const everything = [
    (deps: Office['deps'], actor: typeof OPERATOR, siteId: string, id: string) =>
      getKey(deps, actor, siteId, id),
    (deps: Office['deps'], actor: typeof OPERATOR, siteId: string, id: string) =>
      updateKey(deps, actor, siteId, id, { description: 'x' }),
    disableKey,
    enableKey,
    deleteKey,
  ]

  test('K1: a member’s key may nothing, not even to its own', async () => {
    const actor = office.actor(office.member)
    await expect(listKeys(office.deps, actor, office.site.id)).rejects.toEqual(refused('forbidden'))
    for (const use of everything) {
      await expect(use(office.deps, actor, office.site.id, members.id)).rejects.toEqual(refused('forbidden'))
    }
  })

  test('U2: an administrator finds nothing on another site, by its name or its key’s', async () => {
    const { key } = await createKey(office.deps, OPERATOR, office.other.id, { name: 'far', type: 'site' })
    const actor = office.actor(office.admin)
    for (const use of everything) {
      await expect(use(office.deps, actor, office.other.id, key.id)).rejects.toEqual(refused('not_found'))
      await expect(use(office.deps, actor, office.site.id, key.id)).rejects.toEqual(refused('not_found'))
    }
    await expect(listKeys(office.deps, actor, office.other.id)).rejects.toEqual(refused('not_found'))
  })

  test('K2: people reach their own keys only, and those of others look as if they were not there', async () => {
    const deps = office.withSettings({ usersMayCreateKeys: true })
    const mia = office.actor(office.member, { kind: 'person', key: null })
    const own = await listKeys(deps, mia, office.site.id)
    expect(own.map(({ id }) => id)).toEqual([members.id])
    expect((await disableKey(deps, mia, office.site.id, members.id)).enabled).toBe(false)
    expect((await enableKey(deps, mia, office.site.id, members.id)).enabled).toBe(true)
    for (const other of [admins, site]) {
      for (const use of everything) {
        await expect(use(deps, mia, office.site.id, other.id)).rejects.toEqual(refused('not_found'))
      }
    }
    await expect(listKeys(office.deps, mia, office.site.id)).rejects.toEqual(refused('forbidden'))
  })

  test('K7: what an administrator disabled its owner does not enable, also not after disabling it again', async () => {
    const deps = office.withSettings({ usersMayCreateKeys: true })
    const mia = office.actor(office.member, { kind: 'person', key: null })
    const { id } = members
    await disableKey(deps, OPERATOR, office.site.id, id)
    await expect(enableKey(deps, mia, office.site.id, id)).rejects.toEqual(refused('forbidden'))
    expect((await disableKey(deps, mia, office.site.id, id)).disabledBy).toBe('administrator')
    await expect(enableKey(deps, mia, office.site.id, id)).rejects.toEqual(refused('forbidden'))
    await enableKey(deps, OPERATOR, office.site.id, id)
    expect((await disableKey(deps, mia, office.site.id, id)).disabledBy).toBe('owner')
    expect(await enableKey(deps, mia, office.site.id, id)).toMatchObject({ enabled: true, disabledBy: null })
  })
})
