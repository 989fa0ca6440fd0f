import { describe, expect, test } from 'vitest'
import { parsePath } from '#permissions/path.ts'
import {
  AUDIT,
  furnish,
  furnishSecond,
  grant,
  key,
  listen,
  type MakeDatabase,
  NOW,
  until,
} from './fixtures.ts'

export function feedSuite(make: MakeDatabase): void {
  describe('change feed', () => {
    test('each change of an identity is told before its method resolves', async () => {
      await using database = await make()
      const records = await database.open()
      const heard = listen(records)
      await furnish(records)
      const { identity } = records
      const at = { siteId: 's1', keyId: null, userId: null }
      expect(heard.splice(0)).toEqual([
        { ...at, kind: 'site' },
        { ...at, kind: 'mounts' },
        { ...at, kind: 'user', userId: 'u1' },
        { ...at, kind: 'key', userId: 'u1', keyId: 'k1' },
      ])
      await identity.updateUser('s1', 'u1', { enabled: false }, null, AUDIT)
      expect(heard.splice(0)).toEqual([{ ...at, kind: 'user', userId: 'u1' }])
      await identity.setPassword('s1', 'u1', 'hash', AUDIT)
      expect(heard.splice(0)).toEqual([{ ...at, kind: 'user', userId: 'u1' }])
      await identity.addGrant(grant({ id: 'g2', path: parsePath('/x') }), AUDIT)
      expect(heard.splice(0)).toEqual([{ ...at, kind: 'grants', userId: 'u1' }])
      await identity.removeGrant('s1', 'g2', AUDIT)
      expect(heard.splice(0)).toEqual([{ ...at, kind: 'grants', userId: 'u1' }])
      await identity.updateKey('s1', 'k1', { scopes: 1 }, AUDIT)
      expect(heard.splice(0)).toEqual([{ ...at, kind: 'key', userId: 'u1', keyId: 'k1' }])
      await identity.deleteKey('s1', 'k1', AUDIT)
      expect(heard.splice(0)).toEqual([{ ...at, kind: 'key', userId: 'u1', keyId: 'k1' }])
    })

    test('a change of another process is heard within 1 s, in order (R1)', async () => {
      await using database = await make()
      const here = await database.open()
      const there = await database.open()
      const heard = listen(here)
      await furnish(there)
      await there.identity.updateKey('s1', 'k1', { enabled: false }, AUDIT)
      await until(() => heard.length === 5)
      expect(heard.map((change) => change.kind)).toEqual(['site', 'mounts', 'user', 'key', 'key'])
      expect((await here.credentials.accountByKeyId('k1'))?.key.enabled).toBe(false)
    })

    test('both processes hear of both, each change once', async () => {
      await using database = await make()
      const here = await database.open()
      await furnish(here)
      const there = await database.open()
      const heard = [listen(here), listen(there)]
      await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          (i % 2 ? here : there).identity.updateKey('s1', 'k1', { description: `${i}` }, AUDIT),
        ),
      )
      await until(() => heard.every((list) => list.length >= 20))
      await Promise.all([here.changes.poll(), there.changes.poll()])
      expect(heard.map((list) => list.length)).toEqual([20, 20])
    })

    test('what happened before a process began is not told', async () => {
      await using database = await make()
      await furnish(await database.open())
      const later = await database.open()
      const heard = listen(later)
      await later.changes.poll()
      expect(heard).toEqual([])
    })

    test('a listener that throws is reported, and neither the feed nor other listeners stop', async () => {
      await using database = await make()
      const errors: unknown[] = []
      const records = await database.open({ onError: (error) => errors.push(error) })
      records.changes.subscribe(() => {
        throw new Error('broken listener')
      })
      const heard = listen(records)
      await furnish(records)
      expect(heard).toHaveLength(4)
      expect(errors).toHaveLength(4)
    })

    test('sequence numbers rise', async () => {
      await using database = await make()
      const records = await database.open()
      const numbers: number[] = []
      records.changes.subscribe((change) => numbers.push(change.sequence))
      await furnish(records)
      expect(numbers).toEqual([...numbers].sort((a, b) => a - b))
      expect(new Set(numbers).size).toBe(4)
    })

    test('a feed that is read is fresh; a feed that cannot be read grows stale', async () => {
      await using database = await make()
      const records = await database.open()
      await new Promise((resolve) => setTimeout(resolve, 150))
      expect(records.changes.staleFor()).toBeLessThan(140)
      const { db } = await database.engine()
      await furnish(records)
      // Two turns of the timer that find nothing to read leave it fresh; then there is news and no table.
      await db.schema.alterTable('changes').renameTo('gone').execute()
      const stale = records.changes.staleFor()
      await until(() => records.changes.staleFor() > stale + 200)
      await db.schema.alterTable('gone').renameTo('changes').execute()
      await until(() => records.changes.staleFor() < 150)
    })

    test('old rows are pruned; the last 10,000 and those of the last day stay', async () => {
      await using database = await make()
      const first = await database.open()
      await furnish(first)
      const { db } = await database.engine()
      const row = { kind: 'key', site_id: 's1' } as const
      const insert = async (count: number, at: number) => {
        for (let left = count; left > 0; left -= 1_000)
          await db
            .insertInto('changes')
            .values(Array.from({ length: 1_000 }, () => ({ ...row, at })))
            .execute()
      }
      const day = 86_400_000
      await insert(3_000, NOW)
      await insert(2_000, NOW + day)
      await insert(9_000, NOW)
      await database.open({ clock: { now: () => NOW + day + 1 } })
      const count = async () => (await db.selectFrom('changes').select('sequence').execute()).length
      // 4 of furnish and 3,000 are old and not among the last 10,000; 1,000 more are not old.
      await until(async () => (await count()) === 11_000)
    })

    test('a process that slept while rows were pruned is told that every site may have changed', async () => {
      await using database = await make()
      const records = await database.open()
      await furnish(records)
      await furnishSecond(records)
      const heard = listen(records)
      const { db } = await database.engine()
      await db.transaction().execute(async (trx) => {
        await trx.insertInto('changes').values({ kind: 'key', site_id: 's1', at: NOW }).execute()
        await trx.deleteFrom('changes').execute()
        await trx.insertInto('changes').values({ kind: 'grants', site_id: 's1', at: NOW }).execute()
      })
      await records.changes.poll()
      const every = { keyId: null, userId: null }
      expect(heard).toEqual([
        { kind: 'site', siteId: 's1', ...every },
        { kind: 'site', siteId: 's2', ...every },
        { kind: 'grants', siteId: 's1', ...every },
      ])
    })

    test('more changes than one page are all told', async () => {
      await using database = await make()
      const records = await database.open()
      await furnish(records)
      const heard = listen(records)
      const { db } = await database.engine()
      for (let i = 0; i < 3; i++)
        await db
          .insertInto('changes')
          .values(Array.from({ length: 1_000 }, () => ({ kind: 'key', site_id: 's1', at: NOW }) as const))
          .execute()
      await records.changes.poll()
      expect(heard).toHaveLength(3_000)
    })

    test('after disposal nothing is told and nothing is left running', async () => {
      await using database = await make()
      const here = await database.open()
      const there = await database.open()
      await furnish(here)
      const heard = listen(here)
      await here[Symbol.asyncDispose]()
      await there.identity.addKey(key({ id: 'k8', name: 'late' }), AUDIT)
      await new Promise((resolve) => setTimeout(resolve, 120))
      expect(heard).toEqual([])
    })
  })
}
