import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Actor } from '#identity/actor.ts'
import { addGrant, listGrants, removeGrant } from '#identity/grants.ts'
import { FACTORY_SETTINGS } from '#identity/settings.ts'
import { addSite, listSites } from '#identity/sites.ts'
import { createTicket } from '#identity/tickets.ts'
import { addUser, disableUser, enableUser, listUsers, setPassword } from '#identity/users.ts'
import { rightsOf } from '#permissions/grants.ts'
import { type Office, OPERATOR, openOffice } from './office.ts'

let office: Office
beforeAll(async () => {
  office = await openOffice()
})
afterAll(() => office[Symbol.asyncDispose]())

const refused = (code: string) => expect.objectContaining({ code })

describe('sites', () => {
  test('a new site has factory settings and one local mount at the root', async () => {
    const hosts = ['Files.Example.org', 'files.example.org']
    const made = await addSite(office.deps, OPERATOR, { name: 'Ätzwerk 2', folder: '/srv/x', hosts })
    expect(made.site).toMatchObject({
      settings: FACTORY_SETTINGS,
      hosts: ['files.example.org'],
      parentId: null,
    })
    expect(await office.deps.store.siteById(made.site.id)).toEqual(made.site)
    expect(await office.records.mounts.mountsOf(made.site.id)).toEqual([made.mount])
    expect(made.mount).toMatchObject({ path: '/', settings: { root: '/srv/x', durable: true } })
  })

  test.each([
    ['no name', { name: '' }],
    ['a name that climbs', { name: '..' }],
    ['a name with a slash', { name: 'a/b' }],
    ['a folder that is not absolute', { folder: 'x' }],
    ['a host that is none', { hosts: ['a b'] }],
  ])('%s is refused', async (_, input) => {
    const site = { name: 'fine', folder: '/srv/x', ...input }
    await expect(addSite(office.deps, OPERATOR, site)).rejects.toEqual(refused('invalid'))
  })

  test('a taken name is refused', async () => {
    const site = { name: 'main', folder: '/srv/x' }
    await expect(addSite(office.deps, OPERATOR, site)).rejects.toEqual(refused('exists'))
  })

  test('U2: no key makes a site or sees another one', async () => {
    const actor = office.actor(null)
    const site = { name: 'new', folder: '/srv/x' }
    await expect(addSite(office.deps, actor, site)).rejects.toEqual(refused('forbidden'))
    expect((await listSites(office.deps, actor)).map(({ name }) => name)).toEqual(['main'])
  })
})

describe('users', () => {
  test('are added, listed by name, disabled and enabled', async () => {
    const zoe = await addUser(office.deps, OPERATOR, office.site.id, { name: 'zoe', role: 'member' })
    const names = (await listUsers(office.deps, OPERATOR, office.site.id)).map(({ name }) => name)
    expect(names).toEqual(['ada', 'mia', 'zoe'])
    const ref = { name: 'zoe' }
    expect(await disableUser(office.deps, OPERATOR, office.site.id, ref)).toEqual({ ...zoe, enabled: false })
    expect((await office.deps.store.userById(office.site.id, zoe.id))?.enabled).toBe(false)
    expect(await enableUser(office.deps, OPERATOR, office.site.id, ref)).toEqual(zoe)
  })

  test.each(['', '@api-x', 'api-x', 'a:b', 'a/b', 'a\nb'])('the name %j is refused', async (name) => {
    const added = addUser(office.deps, OPERATOR, office.site.id, { name, role: 'member' })
    await expect(added).rejects.toEqual(refused('invalid'))
  })

  test('a taken name is refused, but free on another site', async () => {
    const input = { name: 'mia', role: 'member' } as const
    await expect(addUser(office.deps, OPERATOR, office.site.id, input)).rejects.toEqual(refused('exists'))
    expect((await addUser(office.deps, OPERATOR, office.other.id, input)).siteId).toBe(office.other.id)
  })
})

describe('grants', () => {
  test('U1: rights are levels or single rights; they reach below unless told otherwise', async () => {
    const user = { name: 'mia' }
    const full = await addGrant(office.deps, OPERATOR, office.site.id, { user, path: '/b', rights: ['full'] })
    const input = { user, path: '/a/', rights: ['list', 'read'], recursive: false }
    const narrow = await addGrant(office.deps, OPERATOR, office.site.id, input)
    expect(narrow).toMatchObject({ path: '/a', rights: rightsOf('list', 'read'), recursive: false })
    expect(await listGrants(office.deps, OPERATOR, office.site.id)).toEqual([narrow, full])
    await removeGrant(office.deps, OPERATOR, office.site.id, full.id)
    expect(await listGrants(office.deps, OPERATOR, office.site.id)).toEqual([narrow])
  })

  test.each([
    ['an unknown right', { rights: ['fly'] }, 'invalid'],
    ['no right at all', { rights: [] }, 'invalid'],
    ['a path that climbs', { path: '/a/../b' }, 'invalid'],
    ['an unknown user', { user: { name: 'nobody' } }, 'not_found'],
  ])('%s is refused', async (_, more, code) => {
    const input = { user: { name: 'mia' }, path: '/a', rights: ['read'], ...more }
    await expect(addGrant(office.deps, OPERATOR, office.site.id, input)).rejects.toEqual(refused(code))
  })

  test('a grant of another site cannot be removed', async () => {
    await addUser(office.deps, OPERATOR, office.other.id, { name: 'eve', role: 'member' })
    const input = { user: { name: 'eve' }, path: '/a', rights: ['read'] }
    const grant = await addGrant(office.deps, OPERATOR, office.other.id, input)
    const removed = removeGrant(office.deps, office.actor(null), office.site.id, grant.id)
    await expect(removed).rejects.toEqual(refused('not_found'))
  })
})

describe('who may administer', () => {
  const uses: [string, (actor: Actor, siteId: string) => Promise<unknown>][] = [
    ['list users', (actor, siteId) => listUsers(office.deps, actor, siteId)],
    [
      'add a user',
      (actor, siteId) => addUser(office.deps, actor, siteId, { name: 'new', role: 'administrator' }),
    ],
    ['disable a user', (actor, siteId) => disableUser(office.deps, actor, siteId, { name: 'mia' })],
    ['enable a user', (actor, siteId) => enableUser(office.deps, actor, siteId, { name: 'mia' })],
    [
      'set a password',
      (actor, siteId) => setPassword(office.deps, actor, siteId, { name: 'mia' }, 'x'.repeat(12)),
    ],
    ['make a one-time link', (actor, siteId) => createTicket(office.deps, actor, siteId, { name: 'mia' })],
    ['list grants', (actor, siteId) => listGrants(office.deps, actor, siteId)],
    ['remove a grant', (actor, siteId) => removeGrant(office.deps, actor, siteId, 'x')],
    [
      'add a grant',
      (actor, siteId) =>
        addGrant(office.deps, actor, siteId, { user: { name: 'mia' }, path: '/', rights: ['full'] }),
    ],
  ]

  test.each(uses)('a member may not %s, with a key or as a person', async (_, use) => {
    for (const kind of ['user', 'person'] as const) {
      await expect(use(office.actor(office.member, { kind }), office.site.id)).rejects.toEqual(
        refused('forbidden'),
      )
    }
  })

  test.each(uses)('an administrator may not %s on another site', async (_, use) => {
    await expect(use(office.actor(office.admin), office.other.id)).rejects.toEqual(refused('not_found'))
  })
})
