import { describe, expect, test } from 'vitest'
import type { LostRecord } from '#files/ports.ts'
import { parsePath } from '#permissions/path.ts'
import type { Records } from '#records/open.ts'
import { AUDIT, furnish, type MakeDatabase, NOW } from './fixtures.ts'

function lost(id: string, changes: Partial<LostRecord> = {}): LostRecord {
  return {
    id,
    siteId: 's1',
    holder: { keyId: 'k1' },
    place: { mountId: 'm1', path: parsePath(`/${id}`) },
    size: 2 ** 52 + 1,
    lostAt: NOW,
    base: null,
    edits: false,
    ...changes,
  }
}

const K1 = { keyId: 'k1' }

async function opened(records: Records): Promise<Records['lost']> {
  await furnish(records)
  return records.lost
}

export function lostSuite(make: MakeDatabase): void {
  describe('lost uploads', () => {
    test('come back whole, the newest first, for their key only', async () => {
      await using database = await make()
      const store = await opened(await database.open())
      const old = lost('a', { lostAt: NOW - 5, base: 'v', edits: true })
      await store.insert(old)
      await store.insert(lost('b'))
      await store.insert(lost('c', { holder: { userId: 'u1' } }))
      expect(await store.of('s1', K1)).toEqual([lost('b'), old])
      expect((await store.of('s1', { userId: 'u1' })).map(({ id }) => id)).toEqual(['c'])
      expect(await store.of('s2', K1)).toEqual([])
      expect((await store.ids('m1')).toSorted()).toEqual(['a', 'b', 'c'])
    })

    test('one at a place takes the place of the one before', async () => {
      await using database = await make()
      const store = await opened(await database.open())
      const place = { mountId: 'm1', path: parsePath('/same') }
      expect(await store.insert(lost('a', { place }))).toBeNull()
      expect(await store.insert(lost('b', { place, holder: { userId: 'u1' } }))).toBeNull()
      expect(await store.insert(lost('c', { place }))).toBe('a')
      expect((await store.of('s1', K1)).map(({ id }) => id)).toEqual(['c'])
    })

    test('only one caller removes one', async () => {
      await using database = await make()
      const store = await opened(await database.open())
      await store.insert(lost('a'))
      expect((await Promise.all([store.remove('a'), store.remove('a')])).toSorted()).toEqual([false, true])
    })

    test('end with time, and with their key, user or site (R1)', async () => {
      await using database = await make()
      const records = await database.open()
      const store = await opened(records)
      await store.insert(lost('a'))
      await store.insert(lost('b', { holder: { userId: 'u1' } }))
      await store.insert(lost('c', { holder: { keyId: 'gone' } }))
      const ended = async (before = 0, now = NOW) =>
        (await store.ended(before, now)).map(({ id }) => id).toSorted()
      expect(await ended()).toEqual(['c'])
      expect(await ended(NOW + 1)).toEqual(['a', 'b', 'c'])
      const { identity } = records
      await identity.updateKey('s1', 'k1', { enabled: false }, AUDIT)
      expect(await ended()).toEqual(['a', 'c'])
      await identity.updateKey('s1', 'k1', { enabled: true, expiresAt: NOW }, AUDIT)
      expect(await ended()).toEqual(['a', 'c'])
      expect(await ended(0, NOW - 1)).toEqual(['c'])
      await identity.updateUser('s1', 'u1', { enabled: false }, null, AUDIT)
      expect(await ended(0, NOW - 1)).toEqual(['a', 'b', 'c'])
    })
  })
}
