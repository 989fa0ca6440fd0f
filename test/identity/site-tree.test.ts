import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Actor } from '#identity/actor.ts'
import { addGrant, listGrants, removeGrant } from '#identity/grants.ts'
import { addGroup, listGroups } from '#identity/groups.ts'
import { listKeys } from '#identity/keys.ts'
import { deleteUser, moveUser } from '#identity/leave-site.ts'
import { addMount, listMounts } from '#identity/mounts.ts'
import type { SiteDetails } from '#identity/ports.ts'
import { FACTORY_SETTINGS } from '#identity/settings.ts'
import { addSite, deleteSite, listSites, updateSite } from '#identity/sites.ts'
import { addUser, listUsers, setPassword, updateUser } from '#identity/users.ts'
import { type Office, OPERATOR, openOffice } from './office.ts'

/* U4: main ← child ← grandchild; `other` stands alone. Everybody comes from `main`, unless said otherwise. */

let office: Office
let child: SiteDetails
let grandchild: SiteDetails

beforeAll(async () => {
  office = await openOffice()
  const make = async (name: string, parentId: string) =>
    (await addSite(office.deps, OPERATOR, { name, folder: `${office.dir}/${name}`, parentId })).site
  child = await make('child', office.site.id)
  grandchild = await make('grandchild', child.id)
  for (const { id } of [child, grandchild, office.other])
    await addUser(office.deps, OPERATOR, id, { name: 'local', role: 'administrator' })
})
afterAll(() => office[Symbol.asyncDispose]())

const refused = (code: string) => expect.objectContaining({ code })

/** An administrator who logged in as themselves. */
const person = () => office.actor(office.admin, { kind: 'person', key: null })

const comers: [string, () => Actor][] = [
  ['a site key', () => office.actor(null)],
  ['an administrator’s key with every scope', () => office.actor(office.admin)],
  ['a member’s key', () => office.actor(office.member)],
  ['a member as a person', () => office.actor(office.member, { kind: 'person', key: null })],
  ['a guest', () => office.actor(null, { kind: 'guest', role: 'member' })],
  // What no login makes: a key that claims to be a person.
  ['a key that says it is a person', () => office.actor(office.admin, { kind: 'person' })],
]

const uses: [string, (actor: Actor, siteId: string) => Promise<unknown>][] = [
  ['list users', (actor, siteId) => listUsers(office.deps, actor, siteId)],
  ['add a user', (actor, siteId) => addUser(office.deps, actor, siteId, { name: 'x', role: 'member' })],
  ['change a user', (actor, siteId) => updateUser(office.deps, actor, siteId, { name: 'local' }, {})],
  ['delete a user', (actor, siteId) => deleteUser(office.deps, actor, siteId, { name: 'local' })],
  [
    'set a password',
    (actor, siteId) => setPassword(office.deps, actor, siteId, { name: 'local' }, 'x'.repeat(12)),
  ],
  ['list groups', (actor, siteId) => listGroups(office.deps, actor, siteId)],
  ['add a group', (actor, siteId) => addGroup(office.deps, actor, siteId, 'x')],
  ['list grants', (actor, siteId) => listGrants(office.deps, actor, siteId)],
  ['remove a grant', (actor, siteId) => removeGrant(office.deps, actor, siteId, 'x')],
  ['list mounts', (actor, siteId) => listMounts(office.deps, actor, siteId)],
  ['add a mount', (actor, siteId) => addMount(office.deps, actor, siteId, { path: '/x' })],
  ['list keys', (actor, siteId) => listKeys(office.deps, actor, siteId)],
  ['change settings', (actor, siteId) => updateSite(office.deps, actor, siteId, { settings: {} })],
  ['disable the site', (actor, siteId) => updateSite(office.deps, actor, siteId, { enabled: false })],
  ['delete the site', (actor, siteId) => deleteSite(office.deps, actor, siteId, 'child')],
]

describe('U4: no key crosses the border of its site', () => {
  test.each(comers)('%s finds neither child nor grandchild nor stranger', async (_, comer) => {
    for (const site of [child, grandchild, office.other])
      for (const [what, use] of uses)
        await expect(use(comer(), site.id), `${what} on ${site.name}`).rejects.toEqual(refused('not_found'))
    expect((await listSites(office.deps, comer())).map(({ name }) => name)).toEqual(['main'])
  })

  test('nobody of a child finds the parent, with a key or as a person', async () => {
    const local = await office.deps.store.userByName(child.id, 'local')
    if (local === null) throw new Error('there is no local administrator')
    const own = { siteId: child.id, siteName: child.name }
    for (const actor of [
      office.actor(null, own),
      office.actor(local, own),
      office.actor(local, { ...own, kind: 'person', key: null }),
    ]) {
      for (const [what, use] of uses)
        await expect(use(actor, office.site.id), what).rejects.toEqual(refused('not_found'))
      expect((await listSites(office.deps, actor)).map(({ name }) => name)).not.toContain('main')
    }
  })
})

describe('U4: an administrator’s own login reaches downwards, several levels', () => {
  test('and administers what is there', async () => {
    const actor = person()
    expect((await listSites(office.deps, actor)).map(({ name }) => name)).toEqual([
      'main',
      'child',
      'grandchild',
    ])
    for (const { id } of [child, grandchild]) {
      const user = await addUser(office.deps, actor, id, { name: 'made from above', role: 'member' })
      const input = { user: { id: user.id }, path: '/a', rights: ['full'] }
      expect(await addGrant(office.deps, actor, id, input)).toMatchObject({ siteId: id })
      expect(await listKeys(office.deps, actor, id)).toEqual([])
    }
    for (const [what, use] of uses)
      await expect(use(actor, office.other.id), what).rejects.toEqual(refused('not_found'))
    const made = office.audit().filter(({ subject }) => subject === 'user made from above (member)')
    expect(made.map(({ site_id, user_name }) => [site_id, user_name])).toEqual([
      [child.id, 'ada'],
      [grandchild.id, 'ada'],
    ])
  })

  test('name, state, hosts and parent are changed from above only', async () => {
    const actor = person()
    await updateSite(office.deps, actor, child.id, { name: 'kid', hosts: ['kid.example'], enabled: false })
    const changes = { name: 'child', hosts: [], enabled: true }
    expect(await updateSite(office.deps, actor, child.id, changes)).toEqual(child)
    for (const change of [{ name: 'x' }, { enabled: false }, { hosts: [] }, { parentId: null }]) {
      const own = updateSite(office.deps, actor, office.site.id, change)
      await expect(own, JSON.stringify(change)).rejects.toEqual(refused('forbidden'))
    }
    const settings = { usersMayCreateKeys: true }
    const changed = await updateSite(office.deps, actor, office.site.id, { settings })
    expect(changed.settings).toEqual({ ...FACTORY_SETTINGS, ...settings })
    await updateSite(office.deps, actor, office.site.id, { settings: { usersMayCreateKeys: false } })
  })

  test('a child can be put below another child, but not below itself, a stranger or nothing', async () => {
    const actor = person()
    const put = (id: string, parentId: string | null) => updateSite(office.deps, actor, id, { parentId })
    await expect(put(child.id, child.id)).rejects.toEqual(refused('invalid'))
    await expect(put(child.id, grandchild.id)).rejects.toEqual(refused('invalid'))
    await expect(put(child.id, office.other.id)).rejects.toEqual(refused('not_found'))
    await expect(put(child.id, null)).rejects.toEqual(refused('forbidden'))
    await put(grandchild.id, office.site.id)
    expect(await office.deps.store.ancestorsOf(grandchild.id)).toEqual([office.site.id])
    await put(grandchild.id, child.id)
  })

  test('makes and deletes children, with a folder that the server makes', async () => {
    const actor = person()
    const input = { name: 'third', parentId: child.id }
    await expect(addSite(office.deps, actor, { ...input, folder: '/etc' })).rejects.toEqual(
      refused('forbidden'),
    )
    await expect(addSite(office.deps, actor, input)).rejects.toEqual(refused('forbidden'))
    const deps = { ...office.deps, newFolder: async (siteId: string) => `/srv/${siteId}` }
    const { site, mount } = await addSite(deps, actor, input)
    expect(mount.settings.root).toBe(`/srv/${site.id}`)
    await expect(addSite(deps, actor, { name: 'orphan' })).rejects.toEqual(refused('forbidden'))
    const below = { name: 'fourth', parentId: office.other.id }
    await expect(addSite(deps, actor, below)).rejects.toEqual(refused('not_found'))
    await expect(
      addSite(deps, office.actor(null), { name: 'fifth', parentId: office.site.id }),
    ).rejects.toEqual(refused('forbidden'))
    await expect(deleteSite(deps, actor, site.id, 'wrong')).rejects.toEqual(refused('invalid'))
    await expect(deleteSite(deps, actor, child.id, 'child')).rejects.toEqual(refused('not_empty'))
    await deleteSite(deps, actor, site.id, 'third')
    expect(office.audit().at(-1)).toMatchObject({
      action: 'site.delete',
      site_id: site.id,
      site_name: 'third',
    })
  })

  test('U3: moves users between the sites below, and nowhere else', async () => {
    const actor = person()
    const { id } = await addUser(office.deps, actor, child.id, { name: 'mover', role: 'administrator' })
    const to = (siteId: string) => moveUser(office.deps, actor, child.id, { id }, { siteId })
    await expect(to(office.other.id)).rejects.toEqual(refused('not_found'))
    await expect(to(child.id)).rejects.toEqual(refused('invalid'))
    expect(await to(grandchild.id)).toMatchObject({ user: { siteId: grandchild.id, role: 'member' } })
  })
})
