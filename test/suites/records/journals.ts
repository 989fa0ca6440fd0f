import { describe, expect, test } from 'vitest'
import type { LastUse } from '#records/last-uses.ts'
import { AUDIT, BROKEN_AUDIT, furnish, furnishSecond, type MakeDatabase } from './fixtures.ts'

export function journalSuite(make: MakeDatabase): void {
  describe('audit', () => {
    test('a batch of any length is appended in order', async () => {
      await using database = await make()
      const { audit } = await database.open()
      const entries = Array.from({ length: 3_000 }, (_, i) => ({ ...AUDIT, subject: `/f${i}` }))
      await audit.append(entries)
      await audit.append([])
      const { db } = await database.engine()
      const [start, ...rows] = await db.selectFrom('audit').selectAll().orderBy('sequence').execute()
      expect(start).toMatchObject({ action: 'audit.start', number: 1 })
      expect(rows.map((row) => row.subject)).toEqual(entries.map((entry) => entry.subject))
      expect(rows[0]).toMatchObject({ action: 'key.update', user_name: 'ann', door: 'command_line' })
    })

    test('a batch is kept whole or not at all', async () => {
      await using database = await make()
      const { audit } = await database.open()
      await expect(audit.append([...Array(700).fill(AUDIT), BROKEN_AUDIT])).rejects.toThrow()
      const { db } = await database.engine()
      expect(await db.selectFrom('audit').selectAll().execute()).toEqual([])
    })
  })

  describe('secrets', () => {
    test('a blob is kept by name and can be replaced', async () => {
      await using database = await make()
      const { secrets } = await database.open()
      expect(await secrets.isEmpty()).toBe(true)
      expect(await secrets.get('pepper')).toBeNull()
      await secrets.put('pepper', Buffer.from([0, 255, 1]))
      expect(await secrets.isEmpty()).toBe(false)
      expect(await secrets.get('pepper')).toEqual(Buffer.from([0, 255, 1]))
      await secrets.put('pepper', Buffer.from('new'))
      expect(await secrets.get('pepper')).toEqual(Buffer.from('new'))
      expect(await secrets.get('Pepper')).toBeNull()
    })
  })

  describe('last uses (K10)', () => {
    const use = (id: string, at: number, changes: Partial<LastUse> = {}): LastUse => ({
      id,
      at,
      address: '10.0.0.7',
      door: 'sftp',
      client: 'OpenSSH',
      ...changes,
    })

    test('the latest use of each value is kept, from any batch', async () => {
      await using database = await make()
      const records = await database.open()
      await furnish(records)
      await furnishSecond(records)
      const { lastUses } = records
      await lastUses.record([use('v-k1', 1_764_000_000_002), use('v-k1', 1_764_000_000_001), use('v-k2', 7)])
      await lastUses.record([use('v-k1', 1_764_000_000_000, { door: 'ftp' })])
      await lastUses.record([])
      const { db } = await database.engine()
      const columns = [
        'id',
        'last_used_at',
        'last_used_address',
        'last_used_door',
        'last_used_client',
      ] as const
      const rows = await db.selectFrom('key_values').select(columns).orderBy('id').execute()
      const seen = { last_used_address: '10.0.0.7', last_used_door: 'sftp', last_used_client: 'OpenSSH' }
      expect(rows).toEqual([
        { id: 'v-k1', last_used_at: 1_764_000_000_002, ...seen },
        { id: 'v-k2', last_used_at: 7, ...seen },
      ])
      expect((await records.identity.keyById('s1', 'k1'))?.values[0]?.lastUsedAt).toBe(1_764_000_000_002)
    })

    test('uses of values that are gone, and 2,000 at once, do no harm', async () => {
      await using database = await make()
      const records = await database.open()
      await furnish(records)
      const gone = Array.from({ length: 2_000 }, (_, i) => use(`gone ${i}`, i))
      await records.lastUses.record([...gone, use('v-k1', 5)])
      expect((await records.identity.keyById('s1', 'k1'))?.values[0]?.lastUsedAt).toBe(5)
    })
  })
}
