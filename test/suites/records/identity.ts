import { describe, expect, test } from 'vitest'
import { parsePath } from '#permissions/path.ts'
import { AUDIT, furnish, furnishSecond, grant, type MakeDatabase, mount, site, user } from './fixtures.ts'

const exists = expect.objectContaining({ code: 'exists' })
const notFound = expect.objectContaining({ code: 'not_found' })

export function identitySuite(make: MakeDatabase): void {
  describe('sites', () => {
    test('a site comes back whole, by name, by id and in the list; host names in lower case', async () => {
      await using database = await make()
      const { identity } = await database.open()
      await identity.addSite(site(), mount(), AUDIT)
      const stored = { ...site(), hosts: ['files.example', 'b.example'] }
      expect(await identity.siteByName('main')).toEqual(stored)
      expect(await identity.siteById('s1')).toEqual(stored)
      expect(await identity.sites()).toEqual([stored])
    })

    test('unknown sites are null; names compare exactly', async () => {
      await using database = await make()
      const { identity } = await database.open()
      await identity.addSite(site(), mount(), AUDIT)
      expect(await identity.siteByName('Main')).toBeNull()
      expect(await identity.siteById('main')).toBeNull()
    })

    test('a name or a host that is taken is refused, and nothing of the second site stays', async () => {
      await using database = await make()
      const { identity, mounts } = await database.open()
      await identity.addSite(site(), mount(), AUDIT)
      const second = site({ id: 's2', name: 'second', hosts: ['FILES.example'] })
      await expect(identity.addSite(second, mount({ id: 'm2', siteId: 's2' }), AUDIT)).rejects.toEqual(exists)
      const sameName = site({ id: 's2', hosts: [] })
      await expect(identity.addSite(sameName, mount({ id: 'm2', siteId: 's2' }), AUDIT)).rejects.toThrow(
        'a site named main exists already',
      )
      expect(await identity.siteById('s2')).toBeNull()
      expect(await mounts.all()).toEqual([mount()])
    })

    test('a site knows its parent, which must be there (U4)', async () => {
      await using database = await make()
      const { identity } = await database.open()
      await identity.addSite(site(), mount(), AUDIT)
      const child = site({ id: 's2', name: 'child', hosts: [], parentId: 's1' })
      await identity.addSite(child, mount({ id: 'm2', siteId: 's2' }), AUDIT)
      expect(await identity.siteById('s2')).toEqual(child)
      const orphan = site({ id: 's3', name: 'orphan', hosts: [], parentId: 'nobody' })
      await expect(identity.addSite(orphan, mount({ id: 'm3', siteId: 's3' }), AUDIT)).rejects.toEqual(
        notFound,
      )
    })

    test('mounts are those of the site, whole', async () => {
      await using database = await make()
      const records = await database.open()
      await furnish(records)
      await furnishSecond(records)
      expect(await records.mounts.mountsOf('s1')).toEqual([mount()])
      expect(await records.mounts.mountsOf('nowhere')).toEqual([])
      expect(await records.mounts.all()).toEqual([mount(), mount({ id: 'm2', siteId: 's2' })])
    })
  })

  describe('users', () => {
    test('a user comes back whole, in its site only (U2)', async () => {
      await using database = await make()
      const records = await database.open()
      await furnish(records)
      await furnishSecond(records)
      const { identity } = records
      expect(await identity.userByName('s1', 'ann')).toEqual(user())
      expect(await identity.userById('s1', 'u1')).toEqual(user())
      expect(await identity.users('s1')).toEqual([user()])
      expect(await identity.userByName('s2', 'ann')).toBeNull()
      expect(await identity.userById('s2', 'u1')).toBeNull()
      expect(await identity.userByName('s1', 'Ann')).toBeNull()
    })

    test('two sites may have users of one name; one site may not', async () => {
      await using database = await make()
      const records = await database.open()
      await furnish(records)
      await furnishSecond(records)
      const { identity } = records
      await identity.addUser(user({ id: 'u3', siteId: 's2' }), [], AUDIT)
      await expect(identity.addUser(user({ id: 'u4' }), [], AUDIT)).rejects.toThrow(
        'a user named ann exists already',
      )
    })

    test('a user of no site is refused', async () => {
      await using database = await make()
      const { identity } = await database.open()
      await expect(identity.addUser(user(), [], AUDIT)).rejects.toEqual(notFound)
    })

    test('disabling and enabling (U6)', async () => {
      await using database = await make()
      const records = await database.open()
      await furnish(records)
      const { identity } = records
      await identity.updateUser('s1', 'u1', { enabled: false }, null, AUDIT)
      expect((await identity.userById('s1', 'u1'))?.enabled).toBe(false)
      await identity.updateUser('s1', 'u1', { enabled: true }, null, AUDIT)
      expect((await identity.userById('s1', 'u1'))?.enabled).toBe(true)
      const foreign = identity.updateUser('s2', 'u1', { enabled: false }, null, AUDIT)
      await expect(foreign).rejects.toEqual(notFound)
      expect((await identity.userById('s1', 'u1'))?.enabled).toBe(true)
    })

    test('a password hash is kept and shown by no list (K4)', async () => {
      await using database = await make()
      const records = await database.open()
      await furnish(records)
      await records.identity.setPassword('s1', 'u1', '$argon2id$x', AUDIT)
      const { db } = await database.engine()
      const rows = await db.selectFrom('users').select('password_hash').where('id', '=', 'u1').execute()
      expect(rows).toEqual([{ password_hash: '$argon2id$x' }])
      const listed = await records.identity.users('s1')
      expect(listed).toEqual([user({ hasPassword: true })])
      expect(JSON.stringify(listed)).not.toContain('argon2id')
      await expect(records.identity.setPassword('s1', 'nobody', 'x', AUDIT)).rejects.toEqual(notFound)
    })
  })

  describe('grants', () => {
    test('are listed by path with the name of their user', async () => {
      await using database = await make()
      const records = await database.open()
      await furnish(records)
      const { identity } = records
      await identity.addGrant(grant({ id: 'g2', path: parsePath('/a'), recursive: false, rights: 1 }), AUDIT)
      expect(await identity.grants('s1')).toEqual([
        {
          ...grant({ id: 'g2', path: parsePath('/a'), recursive: false, rights: 1 }),
          userName: 'ann',
          groupName: null,
        },
        { ...grant(), userName: 'ann', groupName: null },
      ])
      expect(await identity.grants('s2')).toEqual([])
    })

    test('a user of another site, or none, can be given nothing (U2)', async () => {
      await using database = await make()
      const records = await database.open()
      await furnish(records)
      await furnishSecond(records)
      const add = (changes: Parameters<typeof grant>[0]) =>
        records.identity.addGrant(grant({ id: 'g9', ...changes }), AUDIT)
      await expect(add({ userId: 'u2' })).rejects.toEqual(notFound)
      await expect(add({ userId: 'nobody' })).rejects.toEqual(notFound)
      expect(await records.identity.grants('s1')).toHaveLength(1)
    })

    test('are removed in their own site only', async () => {
      await using database = await make()
      const records = await database.open()
      await furnish(records)
      await expect(records.identity.removeGrant('s2', 'g1', AUDIT)).rejects.toEqual(notFound)
      await records.identity.removeGrant('s1', 'g1', AUDIT)
      expect(await records.identity.grants('s1')).toEqual([])
      await expect(records.identity.removeGrant('s1', 'g1', AUDIT)).rejects.toEqual(notFound)
    })

    test('a user with 3,000 grants is added in one step', async () => {
      await using database = await make()
      const records = await database.open()
      await furnish(records)
      const many = Array.from({ length: 3_000 }, (_, i) =>
        grant({ id: `many-${i}`, userId: 'u5', path: parsePath(`/f${i}`) }),
      )
      await records.identity.addUser(user({ id: 'u5', name: 'eve' }), many, AUDIT)
      expect(await records.identity.grants('s1')).toHaveLength(3_001)
    })
  })

  describe('tickets', () => {
    const ticket = { digest: Buffer.alloc(32, 7), siteId: 's1', userId: 'u1', expiresAt: 1_000 }

    test('a ticket is taken once', async () => {
      await using database = await make()
      const records = await database.open({ clock: { now: () => 0 } })
      await furnish(records)
      await records.identity.addTicket(ticket)
      expect(await records.identity.takeTicket(Buffer.alloc(32, 8), 999)).toBeNull()
      expect(await records.identity.takeTicket(ticket.digest, 999)).toEqual({ siteId: 's1', userId: 'u1' })
      expect(await records.identity.takeTicket(ticket.digest, 999)).toBeNull()
    })

    test('a ticket is over on the dot', async () => {
      await using database = await make()
      const records = await database.open({ clock: { now: () => 0 } })
      await furnish(records)
      await records.identity.addTicket(ticket)
      expect(await records.identity.takeTicket(ticket.digest, 1_000)).toBeNull()
    })

    test('tickets that are over do not pile up', async () => {
      await using database = await make()
      const records = await database.open({ clock: { now: () => 2_000 } })
      await furnish(records)
      await records.identity.addTicket(ticket)
      await records.identity.addTicket({ ...ticket, digest: Buffer.alloc(32, 9), expiresAt: 3_000 })
      const { db } = await database.engine()
      expect(await db.selectFrom('tickets').select('expires_at').execute()).toEqual([{ expires_at: 3_000 }])
    })
  })
}
