import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createKey } from '#identity/create-key.ts'
import { addGrant, listGrants } from '#identity/grants.ts'
import {
  addGroup,
  deleteGroup,
  joinGroup,
  leaveGroup,
  listGroups,
  listMembers,
  renameGroup,
} from '#identity/groups.ts'
import { deleteUser, moveUser } from '#identity/leave-site.ts'
import { addMount, changeMount, listMounts, removeMount } from '#identity/mounts.ts'
import { addUser, disableUser, getUser, type UserChanges, updateUser } from '#identity/users.ts'
import { type Office, OPERATOR, openOffice } from './office.ts'

let office: Office
beforeAll(async () => {
  office = await openOffice()
})
afterAll(() => office[Symbol.asyncDispose]())

const refused = (code: string) => expect.objectContaining({ code })

describe('users', () => {
  test('all of a user can be said when it is made, and changed later', async () => {
    const given = {
      email: 'zoe@example.org',
      homeFolder: '/team/zoe/',
      expiresAt: office.clock.now() + 1000,
      conditions: { doors: ['sftp'], allow: ['10.0.0.0/8'] },
    }
    const made = await addUser(office.deps, OPERATOR, office.site.id, {
      name: 'zoe',
      role: 'member',
      ...given,
    })
    expect(made).toMatchObject({ ...given, homeFolder: '/team/zoe', hasPassword: false })
    const changes = { name: 'zoë', role: 'administrator', email: null, expiresAt: null } as const
    const conditions = { allow: null, notBefore: 5 }
    const changed = await updateUser(office.deps, OPERATOR, office.site.id, made, { ...changes, conditions })
    expect(changed).toEqual({ ...made, ...changes, conditions: { doors: ['sftp'], notBefore: 5 } })
    expect(await getUser(office.deps, OPERATOR, office.site.id, { name: 'zoë' })).toEqual(changed)
    expect(office.audit().at(-1)).toMatchObject({
      action: 'user.update',
      subject: 'user zoe: email, conditions, name zoë, role administrator, expires never',
    })
  })

  test.each<[string, UserChanges]>([
    ['an address that is none', { email: 'zoe' }],
    ['a home folder that climbs', { homeFolder: '/a/../b' }],
    ['an end that is over', { expiresAt: 0 }],
    ['an unknown door', { conditions: { doors: ['gopher'] } }],
    ['an address range that is none', { conditions: { allow: ['10.0.0.0/33'] } }],
    ['nobody let in at all', { conditions: { allow: [] } }],
    [
      'a time zone that is none',
      { conditions: { windows: [{ days: ['mon'], from: '08:00', to: '09:00', zone: 'Moon/Base' }] } },
    ],
    ['a taken name', { name: 'ada' }],
  ])('%s is refused', async (_, changes) => {
    const change = updateUser(office.deps, OPERATOR, office.site.id, { name: 'mia' }, changes)
    await expect(change).rejects.toEqual(refused(changes.name === undefined ? 'invalid' : 'exists'))
  })

  test('the last administrator is not lost by mistake; only the command line can force it', async () => {
    await using own = await openOffice()
    const { deps, site, admin } = own
    const ref = { id: admin.id }
    const to = { siteId: own.other.id }
    for (const actor of [OPERATOR, own.actor(admin), own.actor(null)]) {
      await expect(disableUser(deps, actor, site.id, ref)).rejects.toEqual(refused('invalid'))
      const demotion = updateUser(deps, actor, site.id, ref, { role: 'member' })
      await expect(demotion).rejects.toThrow('the site’s last administrator')
      await expect(deleteUser(deps, actor, site.id, ref)).rejects.toEqual(refused('invalid'))
    }
    await expect(moveUser(deps, OPERATOR, site.id, ref, to)).rejects.toEqual(refused('invalid'))
    const forced = disableUser(deps, own.actor(admin), site.id, ref, { force: true })
    await expect(forced).rejects.toEqual(refused('invalid'))
    const second = await addUser(deps, OPERATOR, site.id, { name: 'second', role: 'administrator' })
    await deleteUser(deps, own.actor(admin), site.id, ref)
    await disableUser(deps, OPERATOR, site.id, { id: second.id }, { force: true })
  })

  test('U6: a deleted user’s keys open nothing and stay in the audit by name (R3)', async () => {
    const { deps, site } = office
    const user = await addUser(deps, OPERATOR, site.id, { name: 'gone', role: 'member' })
    const { key } = await createKey(deps, OPERATOR, site.id, {
      name: 'of gone',
      type: 'user',
      user: { id: user.id },
      expiresAt: null,
    })
    await deleteUser(deps, OPERATOR, site.id, { id: user.id })
    expect(await office.records.credentials.accountByKeyId(key.id)).toMatchObject({
      user: null,
      key: { expiresAt: office.clock.now(), userId: user.id },
    })
    expect(
      office
        .audit()
        .slice(-2)
        .map(({ action, subject }) => [action, subject]),
    ).toEqual([
      ['user.delete', 'user gone'],
      ['key.update', `key ${key.id} of gone: its user gone was deleted`],
    ])
  })
})

describe('groups', () => {
  test('U1: are made, joined, given grants, renamed, left and deleted; all of it is recorded', async () => {
    const { deps, site } = office
    const group = await addGroup(deps, OPERATOR, site.id, 'staff')
    const pair = { group: { name: 'staff' }, user: { name: 'mia' } }
    await joinGroup(deps, OPERATOR, site.id, pair)
    await expect(joinGroup(deps, OPERATOR, site.id, pair)).rejects.toEqual(refused('exists'))
    const input = { group: { name: 'staff' }, path: '/team', rights: ['full'] }
    const grant = await addGrant(deps, OPERATOR, site.id, input)
    expect(grant).toMatchObject({ userId: null, groupId: group.id, groupName: 'staff' })
    expect(await listGrants(deps, OPERATOR, site.id, { group: { id: group.id } })).toEqual([grant])
    expect(await listGrants(deps, OPERATOR, site.id, { user: { name: 'mia' } })).toEqual([])
    expect((await listMembers(deps, OPERATOR, site.id, { name: 'staff' })).map(({ name }) => name)).toEqual([
      'mia',
    ])
    await renameGroup(deps, OPERATOR, site.id, { id: group.id }, 'crew')
    expect((await listGroups(deps, OPERATOR, site.id)).map(({ name }) => name)).toEqual(['crew'])
    await leaveGroup(deps, OPERATOR, site.id, { ...pair, group: { name: 'crew' } })
    await deleteGroup(deps, OPERATOR, site.id, { name: 'crew' })
    expect(await listGrants(deps, OPERATOR, site.id)).toEqual([])
    expect(
      office
        .audit()
        .slice(-6)
        .map(({ action }) => action),
    ).toEqual([...['group.create', 'group.join', 'grant.add', 'group.update', 'group.leave', 'group.delete']])
  })

  test('a grant is for a user or a group, not for both or none', async () => {
    const input = { path: '/a', rights: ['read'] }
    const both = { ...input, user: { name: 'mia' }, group: { name: 'x' } }
    for (const one of [input, both])
      await expect(addGrant(office.deps, OPERATOR, office.site.id, one)).rejects.toEqual(refused('invalid'))
  })

  test('members may do none of it', async () => {
    const { deps, site } = office
    const actor = office.actor(office.member, { kind: 'person', key: null })
    const forbidden = refused('forbidden')
    await expect(addGroup(deps, actor, site.id, 'x')).rejects.toEqual(forbidden)
    await expect(listGroups(deps, actor, site.id)).rejects.toEqual(forbidden)
    const pair = { group: { name: 'x' }, user: { name: 'mia' } }
    await expect(joinGroup(deps, actor, site.id, pair)).rejects.toEqual(forbidden)
    await expect(addMount(deps, actor, site.id, { path: '/x', folder: '/srv' })).rejects.toEqual(forbidden)
    await expect(deleteUser(deps, actor, site.id, { name: 'mia' })).rejects.toEqual(forbidden)
    await expect(updateUser(deps, actor, site.id, { name: 'mia' }, {})).rejects.toEqual(forbidden)
  })
})

describe('mounts', () => {
  test('are added, made read-only and removed; over the API only in folders of the server’s', async () => {
    const { deps, site } = office
    const folder = '/srv/archive'
    const mount = await addMount(deps, OPERATOR, site.id, { path: '/archive/', folder, readOnly: true })
    expect(mount).toMatchObject({
      path: '/archive',
      readOnly: true,
      settings: { root: folder, durable: true },
    })
    expect(await changeMount(deps, OPERATOR, site.id, mount.id, { readOnly: false })).toEqual({
      ...mount,
      readOnly: false,
    })
    const actor = office.actor(null)
    const named = addMount(deps, actor, site.id, { path: '/etc', folder: '/etc' })
    await expect(named).rejects.toEqual(refused('forbidden'))
    const own = { ...deps, newFolder: async () => '/srv/made' }
    await expect(addMount(own, actor, site.id, { path: '/etc', folder: '/etc' })).rejects.toEqual(
      refused('forbidden'),
    )
    const made = await addMount(own, actor, site.id, { path: '/made' })
    expect(made.settings.root).toBe('/srv/made')
    await removeMount(deps, OPERATOR, site.id, mount.id)
    await removeMount(deps, OPERATOR, site.id, made.id)
    expect((await listMounts(deps, OPERATOR, site.id)).map(({ path }) => path)).toEqual(['/'])
  })

  test.each([
    ['a taken path', '/', '/srv/new', 'exists'],
    ['a folder that another mount shows', '/x', '', 'invalid'],
    ['a folder in another mount', '/x', '/sub', 'invalid'],
    ['a folder that holds another mount', '/x', '/..', 'invalid'],
    ['a path that climbs', '/../x', '/srv/new', 'invalid'],
  ])('%s is refused', async (_, path, folder, code) => {
    const { resolve } = await import('node:path')
    const root = folder.startsWith('/srv') ? folder : resolve(office.dir + folder)
    const added = addMount(office.deps, OPERATOR, office.site.id, { path, folder: root })
    await expect(added).rejects.toEqual(refused(code))
  })
})
