import { describe, expect, test } from 'vitest'
import type { KeyRecord } from '#credentials/ports.ts'
import type { KeyQuery } from '#identity/ports.ts'
import { ROOT } from '#permissions/path.ts'
import {
  AUDIT,
  BROKEN_AUDIT,
  furnish,
  furnishSecond,
  key,
  keyValue,
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
      pairVersion: 1,
      disabledBy: null,
      pairUse: { lastUsedAt: null, lastUsedAddress: null, lastUsedDoor: null, lastUsedClient: null },
      values: [
        {
          id: 'v-k1',
          masked: 'lk_k1_…9xQ4',
          chosen: false,
          createdAt: NOW,
          stopsAt: null,
          lastUsedAt: null,
          lastUsedAddress: null,
          lastUsedDoor: null,
          lastUsedClient: null,
        },
      ],
    }
    const siteKey = (id: string, changes: Partial<KeyRecord> = {}) =>
      key({ id, name: id, userId: null, type: 'site', ...changes }, { pair: null })

    test('a key comes back whole, without digest and sealed secret (K4)', async () => {
      await using database = await make()
      const records = await database.open()
      await furnish(records)
      await furnishSecond(records)
      expect(await records.identity.keyById('s1', 'k1')).toEqual(details)
      expect(await records.identity.keyByName('s1', 'first')).toEqual(details)
      expect(await records.identity.keys('s1', { limit: 9 })).toEqual([details])
      expect(await records.identity.keyById('s2', 'k1')).toBeNull()
      expect(await records.identity.keyByName('s1', 'First')).toBeNull()
    })

    test('are listed oldest first in pages, each once, also when they are of one age', async () => {
      await using database = await make()
      const records = await database.open()
      await furnish(records)
      const { identity } = records
      for (const id of ['k5', 'k3', 'k4']) await identity.addKey(siteKey(id, { createdAt: NOW - 1 }), AUDIT)
      const first = await identity.keys('s1', { limit: 2 })
      const second = await identity.keys('s1', { limit: 2, after: first[1] })
      expect([first, second].map((page) => page.map((one) => one.id))).toEqual([
        ['k3', 'k4'],
        ['k5', 'k1'],
      ])
      expect(second.map((one) => one.values.length)).toEqual([1, 1])
      expect(await identity.keys('s1', { limit: 2, after: second[1] })).toEqual([])
    })

    test('are listed of one user, type or state', async () => {
      await using database = await make()
      const records = await database.open()
      await furnish(records)
      const { identity } = records
      await identity.addKey(siteKey('k5', { enabled: false, expiresAt: NOW + 1 }), AUDIT)
      const ids = async (query: Partial<KeyQuery>) =>
        (await identity.keys('s1', { ...query, limit: 9 })).map((one) => one.id)
      expect(await ids({ userId: 'u1' })).toEqual(['k1'])
      expect(await ids({ type: 'site' })).toEqual(['k5'])
      expect(await ids({ type: 'guest' })).toEqual([])
      expect(await ids({ state: { is: 'active', now: NOW } })).toEqual(['k1'])
      expect(await ids({ state: { is: 'disabled', now: NOW } })).toEqual(['k5'])
      expect(await ids({ state: { is: 'expired', now: NOW } })).toEqual([])
      expect(await ids({ state: { is: 'expired', now: NOW + 1 } })).toEqual(['k1', 'k5'])
      expect(await ids({ state: { is: 'disabled', now: NOW + 1 } })).toEqual([])
      expect(await identity.keyById('s1', 'k5')).toMatchObject({ userName: null, accessKeyId: null })
    })

    test('K9: a rotation adds a value, sets the end of the others, and drops those that have stopped', async () => {
      await using database = await make()
      const records = await database.open()
      await furnish(records)
      const { identity } = records
      const rotate = (id: string, createdAt: number, oldStopAt: number) =>
        identity.rotateKey('s1', 'k1', { value: keyValue({ id, createdAt }), oldStopAt, pair: null }, AUDIT)
      const ends = async () => {
        const values = (await identity.keyById('s1', 'k1'))?.values
        return Object.fromEntries(values?.map(({ id, stopsAt }) => [id, stopsAt]) ?? [])
      }
      await rotate('v2', NOW + 1, NOW + 100)
      expect(await ends()).toEqual({ 'v-k1': NOW + 100, v2: null })
      // An end that is near already stays; a farther one is brought near.
      await rotate('v3', NOW + 2, NOW + 200)
      expect(await ends()).toEqual({ 'v-k1': NOW + 100, v2: NOW + 200, v3: null })
      await rotate('v4', NOW + 3, NOW + 50)
      expect(await ends()).toEqual({ 'v-k1': NOW + 50, v2: NOW + 50, v3: NOW + 50, v4: null })
      await rotate('v5', NOW + 50, NOW + 50)
      expect(await ends()).toEqual({ v4: NOW + 50, v5: null })
    })

    test('K9: a rotation replaces the pair when there is a new one, and is one with its audit entry', async () => {
      await using database = await make()
      const records = await database.open()
      await furnish(records)
      const { identity, credentials } = records
      const pair = { accessKeyId: 'AK-2', version: 2, sealed: Buffer.from([2]) }
      const rotation = { value: keyValue(), oldStopAt: NOW, pair }
      await expect(identity.rotateKey('s1', 'k1', rotation, BROKEN_AUDIT)).rejects.toThrow()
      await expect(identity.rotateKey('s2', 'k1', rotation, AUDIT)).rejects.toEqual(notFound)
      expect(await identity.keyById('s1', 'k1')).toEqual(details)
      const heard = listen(records)
      await identity.rotateKey('s1', 'k1', rotation, AUDIT)
      expect(await identity.keyById('s1', 'k1')).toMatchObject({ accessKeyId: 'AK-2', pairVersion: 2 })
      expect(await credentials.accountByAccessKeyId('AK-k1')).toBeNull()
      expect((await credentials.accountByAccessKeyId('AK-2'))?.pair).toEqual(pair)
      expect(heard).toEqual([{ kind: 'key', siteId: 's1', keyId: 'k1', userId: 'u1' }])
    })

    test('K9: at most 8 values go on at once; without overlap a rotation is always possible', async () => {
      await using database = await make()
      const records = await database.open()
      await furnish(records)
      const rotate = (number: number, oldStopAt: number) => {
        const value = keyValue({ id: `v${number}`, createdAt: NOW + number })
        return records.identity.rotateKey('s1', 'k1', { value, oldStopAt, pair: null }, AUDIT)
      }
      for (let number = 1; number < 8; number++) await rotate(number, NOW + 1_000)
      await expect(rotate(8, NOW + 1_000)).rejects.toMatchObject({ code: 'invalid' })
      await rotate(8, NOW + 8)
    })

    test('K6: expired keys are deleted together, unless one of them was given more time', async () => {
      await using database = await make()
      const records = await database.open()
      await furnish(records)
      await furnishSecond(records)
      const { identity } = records
      await identity.addKey(siteKey('k5', { expiresAt: NOW + 2 }), AUDIT)
      await identity.addKey(siteKey('k6', { expiresAt: null }), AUDIT)
      const expired = async (before: number, limit = 9) =>
        (await identity.expiredKeys('s1', before, limit)).map((one) => one.id)
      expect(await expired(NOW)).toEqual([])
      expect(await expired(NOW + 2)).toEqual(['k1', 'k5'])
      expect(await expired(NOW + 2, 1)).toEqual(['k1'])
      const remove = (before: number) =>
        identity.deleteExpiredKeys('s1', ['k1', 'k5'], before, [AUDIT, AUDIT])
      await expect(remove(NOW + 1)).rejects.toMatchObject({ code: 'precondition' })
      expect(await expired(NOW + 2)).toEqual(['k1', 'k5'])
      const heard = listen(records)
      await remove(NOW + 2)
      expect(heard.map(({ keyId }) => keyId).toSorted()).toEqual(['k1', 'k5'])
      expect((await identity.keys('s1', { limit: 9 })).map((one) => one.id)).toEqual(['k6'])
      expect(await identity.keyById('s2', 'k2')).not.toBeNull()
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
      expect(await identity.keys('s1', { limit: 9 })).toEqual([details])
      expect(await count()).toEqual(before)
      expect(heard).toEqual([])
      await identity.updateKey('s1', 'k1', { enabled: false }, AUDIT)
      expect(await count()).toEqual({ changes: before.changes + 1, audit: before.audit + 1 })
    })
  })
}
