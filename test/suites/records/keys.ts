import { describe, expect, test } from 'vitest'
import { ROOT } from '#permissions/path.ts'
import {
  AUDIT,
  BROKEN_AUDIT,
  furnish,
  furnishSecond,
  key,
  listen,
  type MakeDatabase,
  NOW,
} from './fixtures.ts'

const exists = expect.objectContaining({ code: 'exists' })
const notFound = expect.objectContaining({ code: 'not_found' })

export function keySuite(make: MakeDatabase): void {
  describe('keys', () => {
    const details = {
      ...key().key,
      userName: 'ann',
      siteName: 'main',
      accessKeyId: 'AK-k1',
      values: [{ id: 'v-k1', masked: 'lk_k1_…9xQ4', createdAt: NOW, stopsAt: null, lastUsedAt: null }],
    }

    test('a key comes back whole, without digest and sealed secret (K4)', async () => {
      await using database = await make()
      const records = await database.open()
      await furnish(records)
      await furnishSecond(records)
      expect(await records.identity.keyById('s1', 'k1')).toEqual(details)
      expect(await records.identity.keyByName('s1', 'first')).toEqual(details)
      expect(await records.identity.keys('s1')).toEqual([details])
      expect(await records.identity.keyById('s2', 'k1')).toBeNull()
      expect(await records.identity.keyByName('s1', 'First')).toBeNull()
    })

    test('are listed by name, for one user when asked', async () => {
      await using database = await make()
      const records = await database.open()
      await furnish(records)
      const { identity } = records
      await identity.addKey(
        key({ id: 'k5', name: 'a site key', userId: null, type: 'site' }, { pair: null }),
        AUDIT,
      )
      expect((await identity.keys('s1')).map((one) => one.id)).toEqual(['k5', 'k1'])
      expect((await identity.keys('s1', { userId: 'u1' })).map((one) => one.id)).toEqual(['k1'])
      expect(await identity.keyById('s1', 'k5')).toMatchObject({ userName: null, accessKeyId: null })
    })

    test('a name is taken once in a site, and may be used in another (K3)', async () => {
      await using database = await make()
      const records = await database.open()
      await furnish(records)
      await furnishSecond(records)
      await expect(records.identity.addKey(key({ id: 'k9' }), AUDIT)).rejects.toThrow(
        'a key named first exists already',
      )
      expect((await records.identity.keyByName('s2', 'first'))?.id).toBe('k2')
    })

    test('no name is the id of a key of any site, and no id is a name', async () => {
      await using database = await make()
      const records = await database.open()
      await furnish(records)
      await furnishSecond(records)
      const { identity } = records
      await expect(identity.addKey(key({ id: 'k9', name: 'k2' }), AUDIT)).rejects.toEqual(exists)
      await expect(identity.addKey(key({ id: 'first', name: 'x' }), AUDIT)).rejects.toEqual(exists)
      await expect(identity.updateKey('s1', 'k1', { name: 'k2' }, AUDIT)).rejects.toEqual(exists)
      await identity.updateKey('s1', 'k1', { name: 'k1' }, AUDIT)
      expect((await identity.keyById('s1', 'k1'))?.name).toBe('k1')
    })

    test('a user key needs a user of its own site (U3)', async () => {
      await using database = await make()
      const records = await database.open()
      await furnish(records)
      await furnishSecond(records)
      const of = (userId: string) => records.identity.addKey(key({ id: 'k9', name: 'x', userId }), AUDIT)
      await expect(of('u2')).rejects.toEqual(notFound)
      await expect(of('nobody')).rejects.toEqual(notFound)
      expect(await records.identity.keyById('s1', 'k9')).toBeNull()
    })

    test('a patch changes what it names and nothing else', async () => {
      await using database = await make()
      const records = await database.open()
      await furnish(records)
      const { identity } = records
      await identity.updateKey('s1', 'k1', { enabled: false }, AUDIT)
      expect(await identity.keyById('s1', 'k1')).toEqual({ ...details, enabled: false })
      const all = {
        name: 'second',
        description: '',
        scopes: 0,
        basePath: ROOT,
        storages: null,
        conditions: {},
        enabled: true,
        expiresAt: null,
      }
      await identity.updateKey('s1', 'k1', all, AUDIT)
      expect(await identity.keyById('s1', 'k1')).toEqual({ ...details, ...all })
      await identity.updateKey('s1', 'k1', {}, AUDIT)
      expect(await identity.keyById('s1', 'k1')).toEqual({ ...details, ...all })
      await expect(identity.updateKey('s2', 'k1', { enabled: false }, AUDIT)).rejects.toEqual(notFound)
    })

    test('deleting takes values and access key pair along; audit entries stay (K8)', async () => {
      await using database = await make()
      const records = await database.open()
      await furnish(records)
      const { identity, credentials } = records
      await expect(identity.deleteKey('s2', 'k1', AUDIT)).rejects.toEqual(notFound)
      await identity.deleteKey('s1', 'k1', { ...AUDIT, action: 'key.delete', keyId: 'k1', keyName: 'first' })
      expect(await identity.keyById('s1', 'k1')).toBeNull()
      expect(await credentials.accountByAccessKeyId('AK-k1')).toBeNull()
      const { db } = await database.engine()
      expect(await db.selectFrom('key_values').selectAll().execute()).toEqual([])
      expect(await db.selectFrom('access_key_pairs').selectAll().execute()).toEqual([])
      const audit = db.selectFrom('audit').select(['key_id', 'key_name']).where('action', '=', 'key.delete')
      expect(await audit.execute()).toEqual([{ key_id: 'k1', key_name: 'first' }])
    })

    test('change, feed row and audit entry stay together or not at all', async () => {
      await using database = await make()
      const records = await database.open()
      await furnish(records)
      const heard = listen(records)
      const { db } = await database.engine()
      const count = async () => ({
        changes: (await db.selectFrom('changes').select('sequence').execute()).length,
        audit: (await db.selectFrom('audit').select('sequence').execute()).length,
      })
      const before = await count()
      const { identity } = records
      await expect(identity.updateKey('s1', 'k1', { enabled: false }, BROKEN_AUDIT)).rejects.toThrow()
      await expect(identity.deleteKey('s1', 'k1', BROKEN_AUDIT)).rejects.toThrow()
      await expect(identity.addKey(key({ id: 'k9', name: 'x' }), BROKEN_AUDIT)).rejects.toThrow()
      // The key is new, its access key id is not: the failure comes after the first rows.
      const stolen = { accessKeyId: 'AK-k1', version: 1, sealed: Buffer.alloc(1) }
      await expect(identity.addKey(key({ id: 'k9', name: 'x' }, { pair: stolen }), AUDIT)).rejects.toEqual(
        exists,
      )
      await records.changes.poll()
      expect(await identity.keys('s1')).toEqual([details])
      expect(await count()).toEqual(before)
      expect(heard).toEqual([])
      await identity.updateKey('s1', 'k1', { enabled: false }, AUDIT)
      expect(await count()).toEqual({ changes: before.changes + 1, audit: before.audit + 1 })
    })
  })
}
