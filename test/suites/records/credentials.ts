import { describe, expect, test } from 'vitest'
import { parsePath } from '#permissions/path.ts'
import {
  AUDIT,
  furnish,
  furnishSecond,
  grant,
  key,
  keyValue,
  type MakeDatabase,
  NOW,
  site,
  user,
} from './fixtures.ts'

export function credentialSuite(make: MakeDatabase): void {
  describe('credentials', () => {
    const { hosts, parentId, createdAt, ...siteRecord } = site()
    const { createdAt: _, email, hasPassword, ...userRecord } = user()
    const { path, recursive, rights } = grant()
    const account = {
      site: siteRecord,
      key: key().key,
      values: [{ id: 'v-k1', digest: Buffer.alloc(32, 'k1'), hash: null, bucket: null, stopsAt: null }],
      pair: { accessKeyId: 'AK-k1', version: 1, sealed: Buffer.from([0, 1, 255]) },
      user: userRecord,
      grants: [{ path, recursive, rights }],
    }

    test('an account is read whole by key id and by access key id', async () => {
      await using database = await make()
      const records = await database.open()
      await furnish(records)
      await furnishSecond(records)
      expect(await records.credentials.accountByKeyId('k1')).toEqual(account)
      expect(await records.credentials.accountByAccessKeyId('AK-k1')).toEqual(account)
      expect(await records.credentials.accountByKeyId('first')).toBeNull()
      expect(await records.credentials.accountByAccessKeyId('k1')).toBeNull()
    })

    test('by name: in one site, or in all; exactly', async () => {
      await using database = await make()
      const records = await database.open()
      await furnish(records)
      await furnishSecond(records)
      const ids = async (name: string, siteId: string | null) =>
        (await records.credentials.accountsByKeyName(name, siteId)).map((one) => one.key.id)
      expect(await ids('first', 's1')).toEqual(['k1'])
      expect(await ids('first', 's2')).toEqual(['k2'])
      expect(await ids('first', null)).toEqual(['k1', 'k2'])
      expect(await ids('FIRST', null)).toEqual([])
      expect(await ids('first', 's3')).toEqual([])
    })

    test('each account of several has its own values and grants', async () => {
      await using database = await make()
      const records = await database.open()
      await furnish(records)
      await furnishSecond(records)
      const both = await records.credentials.accountsByKeyName('first', null)
      expect(both.map((one) => one.values.map((value) => value.id))).toEqual([['v-k1'], ['v-k2']])
      expect(both.map((one) => one.grants.length)).toEqual([1, 0])
    })

    test('a site key has no user and no pair', async () => {
      await using database = await make()
      const records = await database.open()
      await furnish(records)
      const changes = { id: 'k5', name: 'site', userId: null, type: 'site', storages: null } as const
      await records.identity.addKey(key(changes, { pair: null }), AUDIT)
      expect(await records.credentials.accountByKeyId('k5')).toMatchObject({
        user: null,
        pair: null,
        grants: [],
        key: { storages: null },
      })
    })

    test('during a rotation a key has all its values, oldest first (K9)', async () => {
      await using database = await make()
      const records = await database.open()
      await furnish(records)
      const { db } = await database.engine()
      const row = { id: 'a-newer', key_id: 'k1', digest: Buffer.alloc(32), masked: 'm', created_at: NOW + 1 }
      await db.insertInto('key_values').values(row).execute()
      const values = (await records.credentials.accountByKeyId('k1'))?.values
      expect(values?.map((value) => value.id)).toEqual(['v-k1', 'a-newer'])
    })

    test('keys with a chosen value are found by its bucket, each once, with all their values (K5)', async () => {
      await using database = await make()
      const records = await database.open()
      await furnish(records)
      const chosen = keyValue({ id: 'v-c', digest: null, hash: '$argon2id$…', bucket: 7 })
      await records.identity.addKey(key({ id: 'k5', name: 'chosen' }, { value: chosen, pair: null }), AUDIT)
      const again = { value: { ...chosen, id: 'v-d', createdAt: NOW + 1 }, oldStopAt: NOW + 9, pair: null }
      await records.identity.rotateKey('s1', 'k5', again, AUDIT)
      const found = await records.credentials.accountsByBucket(7)
      expect(found.map((one) => one.key.id)).toEqual(['k5'])
      expect(found[0]?.values).toEqual([
        { id: 'v-c', digest: null, hash: '$argon2id$…', bucket: 7, stopsAt: NOW + 9 },
        { id: 'v-d', digest: null, hash: '$argon2id$…', bucket: 7, stopsAt: null },
      ])
      expect(await records.credentials.accountsByBucket(8)).toEqual([])
    })

    test('a site’s guest key is found, and no other key (D8)', async () => {
      await using database = await make()
      const records = await database.open()
      await furnish(records)
      await furnishSecond(records)
      expect(await records.credentials.guestAccount('s1')).toBeNull()
      const changes = { id: 'kg', name: 'guest', userId: null, type: 'guest' } as const
      await records.identity.addKey(key(changes, { value: null, pair: null }), AUDIT)
      expect(await records.credentials.guestAccount('s1')).toMatchObject({ key: { id: 'kg' }, values: [] })
      expect(await records.credentials.guestAccount('s2')).toBeNull()
    })

    test('grants of the user’s groups are united with the user’s own (U1)', async () => {
      await using database = await make()
      const records = await database.open()
      await furnish(records)
      const { db } = await database.engine()
      const group = { site_id: 's1', created_at: NOW }
      await db
        .insertInto('groups')
        .values([
          { id: 'staff', name: 'staff', ...group },
          { id: 'other', name: 'other', ...group },
        ])
        .execute()
      await db.insertInto('group_members').values({ group_id: 'staff', user_id: 'u1' }).execute()
      const given = { site_id: 's1', user_id: null, recursive: 0, rights: 1 } as const
      await db
        .insertInto('grants')
        .values([
          { id: 'gs', group_id: 'staff', path: '/staff', ...given },
          { id: 'go', group_id: 'other', path: '/other', ...given },
        ])
        .execute()
      const found = await records.credentials.accountByKeyId('k1')
      expect(found?.grants).toEqual([
        ...account.grants,
        { path: parsePath('/staff'), recursive: false, rights: 1 },
      ])
    })

    test('a user that moved to another site comes as it is, without grants of there (U2, U3)', async () => {
      await using database = await make()
      const records = await database.open()
      await furnish(records)
      await furnishSecond(records)
      const { db } = await database.engine()
      await db.updateTable('users').set({ site_id: 's2' }).where('id', '=', 'u1').execute()
      await db.updateTable('grants').set({ site_id: 's2' }).where('id', '=', 'g1').execute()
      expect(await records.credentials.accountByKeyId('k1')).toMatchObject({
        user: { id: 'u1', siteId: 's2' },
        grants: [],
      })
    })

    test('a key whose user is gone has no user', async () => {
      await using database = await make()
      const records = await database.open()
      await furnish(records)
      const { db } = await database.engine()
      await db.deleteFrom('users').where('id', '=', 'u1').execute()
      const found = await records.credentials.accountByKeyId('k1')
      expect(found).toMatchObject({ key: { userId: 'u1' }, user: null, grants: [] })
    })

    test('a storage list that cannot be read refuses the account (S2)', async () => {
      await using database = await make()
      const records = await database.open()
      await furnish(records)
      const { db } = await database.engine()
      await db.updateTable('keys').set({ storages: '["m1"' }).where('id', '=', 'k1').execute()
      await expect(records.credentials.accountByKeyId('k1')).rejects.toThrow()
    })

    test('a host name leads to its site in any case (U5)', async () => {
      await using database = await make()
      const records = await database.open()
      await furnish(records)
      expect(await records.credentials.siteIdByHost('FILES.example')).toBe('s1')
      expect(await records.credentials.siteIdByHost('b.example')).toBe('s1')
      expect(await records.credentials.siteIdByHost('example')).toBeNull()
    })
  })
}
