import { describe, expect, test } from 'vitest'
import type { Records } from '#records/open.ts'
import { AUDIT, furnish, furnishSecond, listen, type MakeDatabase, mount, site } from './fixtures.ts'

const exists = expect.objectContaining({ code: 'exists' })
const notFound = expect.objectContaining({ code: 'not_found' })

/** A line of sites below s1: s1 ← a ← b ← c, each with a mount. */
async function line({ identity }: Records): Promise<void> {
  const parents = [
    ['a', 's1'],
    ['b', 'a'],
    ['c', 'b'],
  ]
  for (const [id = '', parentId = ''] of parents) {
    const added = site({ id, name: `site ${id}`, hosts: [`child-${id}.example`], parentId })
    await identity.addSite(added, mount({ id: `m-${id}`, siteId: id }), AUDIT)
  }
}

export function siteSuite(make: MakeDatabase): void {
  describe('changes of sites', () => {
    test('a patch changes what it names, and the feed tells of it', async () => {
      await using database = await make()
      const records = await database.open()
      await furnish(records)
      const heard = listen(records)
      const settings = { ...site().settings, passwordLogin: false, maxKeyLifetime: 5 }
      const patch = { name: 'head', enabled: false, conditions: {}, settings, hosts: ['C.example'] }
      await records.identity.updateSite('s1', patch, AUDIT)
      const changed = { ...site(), ...patch, hosts: ['c.example'] }
      expect(await records.identity.siteById('s1')).toEqual(changed)
      expect(heard).toEqual([{ kind: 'site', siteId: 's1', keyId: null, userId: null }])
      const { hosts, parentId, createdAt, ...siteRecord } = changed
      expect((await records.credentials.accountByKeyId('k1'))?.site).toEqual(siteRecord)
      expect(await records.credentials.siteIdByHost('b.example')).toBeNull()
      await expect(records.identity.updateSite('none', { name: 'x' }, AUDIT)).rejects.toEqual(notFound)
    })

    test('taken names and hosts are refused, and nothing of the change stays', async () => {
      await using database = await make()
      const records = await database.open()
      await furnish(records)
      await furnishSecond(records)
      const { identity } = records
      await expect(identity.updateSite('s2', { name: 'main' }, AUDIT)).rejects.toEqual(exists)
      const taken = identity.updateSite('s2', { name: 'other', hosts: ['b.example'] }, AUDIT)
      await expect(taken).rejects.toEqual(exists)
      expect(await identity.siteById('s2')).toMatchObject({ name: 'second', hosts: [] })
    })

    test('U4: a site knows all sites above and below it', async () => {
      await using database = await make()
      const records = await database.open()
      await furnish(records)
      await line(records)
      const { identity } = records
      expect(await identity.ancestorsOf('c')).toEqual(['b', 'a', 's1'])
      expect(await identity.ancestorsOf('s1')).toEqual([])
      expect(await identity.ancestorsOf('none')).toEqual([])
      expect((await identity.sitesWithin('a')).map(({ id }) => id)).toEqual(['a', 'b', 'c'])
      expect(await identity.sitesWithin('c')).toEqual([await identity.siteById('c')])
    })

    test('U4: no site comes below itself', async () => {
      await using database = await make()
      const records = await database.open()
      await furnish(records)
      await line(records)
      const { identity } = records
      const invalid = expect.objectContaining({ code: 'invalid' })
      for (const parentId of ['a', 'b', 'c'])
        await expect(identity.updateSite('a', { parentId }, AUDIT)).rejects.toEqual(invalid)
      await identity.updateSite('c', { parentId: 'a' }, AUDIT)
      await identity.updateSite('b', { parentId: 'c' }, AUDIT)
      expect(await identity.ancestorsOf('b')).toEqual(['c', 'a', 's1'])
      await identity.updateSite('b', { parentId: null }, AUDIT)
      expect(await identity.ancestorsOf('b')).toEqual([])
    })

    test('a site is deleted whole, but not before its children', async () => {
      await using database = await make()
      const records = await database.open()
      await furnish(records)
      await line(records)
      const { identity } = records
      const notEmpty = expect.objectContaining({ code: 'not_empty' })
      await expect(identity.deleteSite('s1', AUDIT)).rejects.toEqual(notEmpty)
      for (const id of ['c', 'b', 'a', 's1']) await identity.deleteSite(id, AUDIT)
      expect(await identity.sites()).toEqual([])
      expect(await records.credentials.accountByKeyId('k1')).toBeNull()
      expect(await records.credentials.personById('u1')).toBeNull()
      expect(await records.mounts.all()).toEqual([])
      await expect(identity.deleteSite('s1', AUDIT)).rejects.toEqual(notFound)
    })
  })
}
