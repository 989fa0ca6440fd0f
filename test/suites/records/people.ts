import { describe, expect, test } from 'vitest'
import type { GroupDetails } from '#identity/ports.ts'
import { parsePath, ROOT } from '#permissions/path.ts'
import {
  AUDIT,
  furnish,
  furnishSecond,
  grant,
  key,
  listen,
  type MakeDatabase,
  NOW,
  site,
  user,
} from './fixtures.ts'

const exists = expect.objectContaining({ code: 'exists' })
const notFound = expect.objectContaining({ code: 'not_found' })
const invalid = expect.objectContaining({ code: 'invalid' })

function group(changes: Partial<GroupDetails> = {}): GroupDetails {
  return { id: 'staff', siteId: 's1', name: 'staff', createdAt: NOW, ...changes }
}

const STAFF_GRANT = grant({ id: 'gs', userId: null, groupId: 'staff', path: parsePath('/staff') })

export function peopleSuite(make: MakeDatabase): void {
  describe('users', () => {
    test('a patch changes what it names; a page starts after a name', async () => {
      await using database = await make()
      const { identity, ...records } = await database.open()
      await furnish({ identity, ...records })
      const patch = {
        name: 'anna',
        role: 'administrator',
        enabled: false,
        expiresAt: NOW + 9,
        conditions: { deny: ['10.0.0.0/8'] },
        homeFolder: ROOT,
        email: null,
      } as const
      await identity.updateUser('s1', 'u1', patch, null, AUDIT)
      expect(await identity.userById('s1', 'u1')).toEqual(user(patch))
      await identity.addUser(user({ id: 'u5', name: 'eve' }), [], AUDIT)
      await expect(identity.updateUser('s1', 'u5', { name: 'anna' }, null, AUDIT)).rejects.toEqual(exists)
      const names = async (after: string) =>
        (await identity.users('s1', { after, limit: 1 })).map(({ name }) => name)
      expect([await names(''), await names('anna'), await names('eve')]).toEqual([['anna'], ['eve'], []])
    })

    test('the last administrator who is enabled and not expired stays, unless it is forced', async () => {
      await using database = await make()
      const { identity, ...records } = await database.open()
      await furnish({ identity, ...records })
      await furnishSecond({ identity, ...records })
      const admin = { role: 'administrator', conditions: {} } as const
      await identity.addUser(user({ id: 'a1', name: 'ada', ...admin }), [], AUDIT)
      await identity.addUser(user({ id: 'a2', name: 'old', ...admin, expiresAt: NOW }), [], AUDIT)
      await identity.addUser(user({ id: 'a3', name: 'off', ...admin, enabled: false }), [], AUDIT)
      await identity.addUser(user({ id: 'a4', name: 'far', ...admin, siteId: 's2' }), [], AUDIT)
      const guard = { now: NOW }
      const member = { siteId: 's2', role: 'member' } as const
      const changes = [
        () => identity.updateUser('s1', 'a1', { enabled: false }, guard, AUDIT),
        () => identity.updateUser('s1', 'a1', { role: 'member' }, guard, AUDIT),
        () => identity.updateUser('s1', 'a1', { expiresAt: NOW }, guard, AUDIT),
        () => identity.deleteUser('s1', 'a1', NOW, guard, [AUDIT]),
        () => identity.moveUser('s1', 'a1', member, guard, [AUDIT]),
      ]
      for (const change of changes) await expect(change()).rejects.toEqual(invalid)
      expect(await identity.userById('s1', 'a1')).toEqual(user({ id: 'a1', name: 'ada', ...admin }))
      // Others may go, also those who are administrators no more.
      for (const id of ['u1', 'a2', 'a3']) await identity.deleteUser('s1', id, NOW, guard, [AUDIT])
      await identity.updateUser('s1', 'a1', { enabled: false }, null, AUDIT)
      await identity.updateUser('s1', 'a1', { name: 'gone' }, guard, AUDIT)
    })

    test('U6: deleting takes grants and memberships; keys expire at that instant and stay for the audit', async () => {
      await using database = await make()
      const records = await database.open()
      await furnish(records)
      const { identity } = records
      await identity.addKey(key({ id: 'k7', name: 'old', expiresAt: NOW - 5 }), AUDIT)
      await identity.addKey(key({ id: 'k8', name: 'endless', expiresAt: null }), AUDIT)
      await identity.addGroup(group(), AUDIT)
      await identity.addMember('s1', 'staff', 'u1', AUDIT)
      const heard = listen(records)
      await identity.deleteUser('s1', 'u1', NOW, null, [AUDIT])
      expect(heard).toEqual([{ kind: 'user', siteId: 's1', keyId: null, userId: 'u1' }])
      expect(await identity.grants('s1')).toEqual([])
      expect(await identity.members('s1', 'staff')).toEqual([])
      const ends = async (id: string) => (await records.credentials.accountByKeyId(id))?.key.expiresAt
      expect([await ends('k1'), await ends('k7'), await ends('k8')]).toEqual([NOW, NOW - 5, NOW])
      expect(await records.credentials.accountByKeyId('k1')).toMatchObject({ user: null, grants: [] })
      await expect(identity.deleteUser('s1', 'u1', NOW, null, [AUDIT])).rejects.toEqual(notFound)
    })

    test('U3: moving leaves grants, groups and tickets behind, and both sites are told', async () => {
      await using database = await make()
      const records = await database.open({ clock: { now: () => 0 } })
      await furnish(records)
      await furnishSecond(records)
      const { identity } = records
      await identity.addGroup(group(), AUDIT)
      await identity.addMember('s1', 'staff', 'u1', AUDIT)
      await identity.addTicket({ digest: Buffer.alloc(32), siteId: 's1', userId: 'u1', expiresAt: 9 })
      const heard = listen(records)
      await identity.moveUser('s1', 'u1', { siteId: 's2', role: 'administrator' }, null, [AUDIT])
      const told = { kind: 'user', keyId: null, userId: 'u1' }
      expect(heard).toEqual([
        { ...told, siteId: 's1' },
        { ...told, siteId: 's2' },
      ])
      expect(await identity.userById('s1', 'u1')).toBeNull()
      const moved = user({ siteId: 's2', role: 'administrator', homeFolder: ROOT })
      expect(await identity.userById('s2', 'u1')).toEqual(moved)
      expect([...(await identity.grants('s1')), ...(await identity.grants('s2'))]).toEqual([])
      expect(await identity.members('s1', 'staff')).toEqual([])
      expect(await identity.takeTicket(Buffer.alloc(32), 1)).toBeNull()
      expect((await records.credentials.accountByKeyId('k1'))?.user?.siteId).toBe('s2')
      expect(await identity.keyById('s1', 'k1')).toMatchObject({ userId: 'u1', userName: null })
    })

    test('a name that is taken on the other site stops the move', async () => {
      await using database = await make()
      const { identity, ...records } = await database.open()
      await furnish({ identity, ...records })
      await furnishSecond({ identity, ...records })
      await identity.updateUser('s2', 'u2', { name: 'ann' }, null, AUDIT)
      const to = { siteId: 's2', role: 'member' } as const
      await expect(identity.moveUser('s1', 'u1', to, null, [AUDIT])).rejects.toEqual(exists)
      await expect(identity.moveUser('s2', 'u1', to, null, [AUDIT])).rejects.toEqual(notFound)
      expect(await identity.userById('s1', 'u1')).toEqual(user())
    })
  })

  describe('groups', () => {
    test('come back by name, by id and in pages; names are taken in their own site only', async () => {
      await using database = await make()
      const { identity, ...records } = await database.open()
      await furnish({ identity, ...records })
      await furnishSecond({ identity, ...records })
      await identity.addGroup(group(), AUDIT)
      await identity.addGroup(group({ id: 'b', name: 'b' }), AUDIT)
      await expect(identity.addGroup(group({ id: 'again' }), AUDIT)).rejects.toEqual(exists)
      await identity.addGroup(group({ id: 'far', siteId: 's2' }), AUDIT)
      expect(await identity.groupByName('s1', 'staff')).toEqual(group())
      expect(await identity.groupById('s1', 'staff')).toEqual(group())
      expect(await identity.groupById('s2', 'staff')).toBeNull()
      expect((await identity.groups('s1', { limit: 1 })).map(({ name }) => name)).toEqual(['b'])
      expect((await identity.groups('s1', { after: 'b' })).map(({ name }) => name)).toEqual(['staff'])
      await identity.renameGroup('s1', 'staff', 'crew', AUDIT)
      await expect(identity.renameGroup('s1', 'b', 'crew', AUDIT)).rejects.toEqual(exists)
      await expect(identity.renameGroup('s2', 'b', 'x', AUDIT)).rejects.toEqual(notFound)
      expect(await identity.groupById('s1', 'staff')).toEqual(group({ name: 'crew' }))
    })

    test('U1: members have the group’s grants, and each change of them is told to the members', async () => {
      await using database = await make()
      const records = await database.open()
      await furnish(records)
      const { identity } = records
      const heard = listen(records)
      const told = { kind: 'grants', siteId: 's1', keyId: null, userId: 'u1' }
      const paths = async () =>
        (await records.credentials.accountByKeyId('k1'))?.grants.map(({ path }) => path)
      await identity.addGroup(group(), AUDIT)
      await identity.addGrant(STAFF_GRANT, AUDIT)
      expect([heard.splice(0), await paths()]).toEqual([[], ['/team']])
      await identity.addMember('s1', 'staff', 'u1', AUDIT)
      expect([heard.splice(0), await paths()]).toEqual([[told], ['/team', '/staff']])
      expect((await identity.grants('s1', { groupId: 'staff' })).map(({ groupName }) => groupName)).toEqual([
        'staff',
      ])
      await identity.removeGrant('s1', 'gs', AUDIT)
      expect([heard.splice(0), await paths()]).toEqual([[told], ['/team']])
      await identity.addGrant(STAFF_GRANT, AUDIT)
      expect(heard.splice(0)).toEqual([told])
      await identity.removeMember('s1', 'staff', 'u1', AUDIT)
      expect([heard.splice(0), await paths()]).toEqual([[told], ['/team']])
      await identity.addMember('s1', 'staff', 'u1', AUDIT)
      heard.length = 0
      await identity.deleteGroup('s1', 'staff', AUDIT)
      expect([heard.splice(0), await paths()]).toEqual([[told], ['/team']])
      expect(await identity.grants('s1')).toHaveLength(1)
    })

    test('a group of many is told as its whole site', async () => {
      await using database = await make()
      const records = await database.open()
      await furnish(records)
      const { db } = await database.engine()
      await records.identity.addGroup(group(), AUDIT)
      for (let i = 0; i < 201; i++) {
        await db
          .insertInto('users')
          .values({
            ...{ id: `x${i}`, site_id: 's1', name: `x${i}`, role: 'member', enabled: 1, expires_at: null },
            ...{ conditions: '{}', password_hash: null, email: null, home_folder: '/', created_at: NOW },
          })
          .execute()
        await db
          .insertInto('group_members')
          .values({ group_id: 'staff', user_id: `x${i}` })
          .execute()
      }
      const heard = listen(records)
      await records.identity.addGrant(STAFF_GRANT, AUDIT)
      expect(heard).toEqual([{ kind: 'grants', siteId: 's1', keyId: null, userId: null }])
    })

    test('U2: nobody and nothing of another site gets in', async () => {
      await using database = await make()
      const { identity, ...records } = await database.open()
      await furnish({ identity, ...records })
      await furnishSecond({ identity, ...records })
      await identity.addGroup(group(), AUDIT)
      await expect(identity.addMember('s1', 'staff', 'u2', AUDIT)).rejects.toEqual(notFound)
      await expect(identity.addMember('s2', 'staff', 'u2', AUDIT)).rejects.toEqual(notFound)
      await expect(identity.addGrant({ ...STAFF_GRANT, siteId: 's2' }, AUDIT)).rejects.toEqual(notFound)
      await expect(identity.deleteGroup('s2', 'staff', AUDIT)).rejects.toEqual(notFound)
      await identity.addMember('s1', 'staff', 'u1', AUDIT)
      await expect(identity.addMember('s1', 'staff', 'u1', AUDIT)).rejects.toEqual(exists)
      await expect(identity.removeMember('s2', 'staff', 'u1', AUDIT)).rejects.toEqual(notFound)
      expect((await identity.members('s1', 'staff')).map(({ name }) => name)).toEqual(['ann'])
      expect(await identity.members('s2', 'staff')).toEqual([])
    })
  })

  describe('people', () => {
    test('D7: a person comes whole by id and by name, in one site or in all', async () => {
      await using database = await make()
      const { identity, credentials, ...records } = await database.open()
      await furnish({ identity, credentials, ...records })
      await furnishSecond({ identity, credentials, ...records })
      await identity.setPassword('s1', 'u1', '$argon2id$x', AUDIT)
      await identity.addGroup(group(), AUDIT)
      await identity.addMember('s1', 'staff', 'u1', AUDIT)
      await identity.addGrant(STAFF_GRANT, AUDIT)
      await identity.addUser(user({ id: 'u9', siteId: 's2' }), [], AUDIT)
      const { hosts, parentId, createdAt, ...siteRecord } = site()
      const { email, hasPassword, createdAt: _, ...userRecord } = user()
      const bare = ({ path, recursive, rights }: typeof STAFF_GRANT) => ({ path, recursive, rights })
      const ann = {
        site: siteRecord,
        user: userRecord,
        passwordHash: '$argon2id$x',
        hasSecondFactor: false,
        grants: [bare(grant()), bare(STAFF_GRANT)],
      }
      expect(await credentials.personById('u1')).toEqual(ann)
      expect(await credentials.peopleByName('ann', 's1')).toEqual([ann])
      const all = await credentials.peopleByName('ann', null)
      expect(all.map((one) => [one.site.id, one.passwordHash, one.grants.length])).toEqual([
        ['s1', '$argon2id$x', 2],
        ['s2', null, 0],
      ])
      expect(await credentials.peopleByName('Ann', null)).toEqual([])
      expect(await credentials.personById('nobody')).toBeNull()
    })
  })
}
