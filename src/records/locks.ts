import { type Kysely, sql } from 'kysely'
import type { Lock } from '#files/locks.ts'
import type { LockStore } from '#files/ports.ts'
import { parsePath, type VirtualPath } from '#permissions/path.ts'
import type { Engine } from './engine.ts'
import { asTaken, missing } from './faults.ts'
import { fixed, type ValueOf } from './fixed.ts'
import { between, bounds, within } from './paths.ts'
import type { Database, LockTable } from './schema.ts'

/** Advisory locks of all sites, shared by all doors and processes. */
export function lockStore(engine: Engine): LockStore {
  const { db, write, texts } = engine
  const live = (value: ValueOf<'site' | 'now'>) =>
    db
      .selectFrom('locks')
      .selectAll()
      .where('site_id', '=', value('site'))
      .where('expires_at', '>', value<number>('now'))
  const onPaths = fixed(['site', 'now', 'paths'], (value) =>
    live(value).where('path', 'in', texts(value('paths'))),
  )
  const underFolder = fixed(['site', 'now', 'low', 'high'], (value) =>
    live(value).where(between(value('low'), value('high'))),
  )
  return {
    find: async (site, { paths, below: folder, now }) => {
      const rows = await onPaths(db, { site, now, paths: JSON.stringify(paths) })
      if (folder === undefined) return rows.map(lockOf)
      const under = await underFolder(db, { site, now, ...bounds(folder) })
      const found = new Map([...rows, ...under].map((row) => [row.token, lockOf(row)]))
      return [...found.values()]
    },
    insert: async (siteId, lock) => {
      const row = lockRow(siteId, lock)
      await asTaken(
        'this lock',
        write((trx) => trx.insertInto('locks').values(row).execute()),
      )
    },
    extend: async (siteId, token, expiresAt) => {
      const { numUpdatedRows } = await write((trx) =>
        trx
          .updateTable('locks')
          .set({ expires_at: expiresAt })
          .where('site_id', '=', siteId)
          .where('token', '=', token)
          .executeTakeFirstOrThrow(),
      )
      if (numUpdatedRows === 0n) throw missing('lock')
    },
    remove: async (siteId, tokens) => {
      const among = texts(sql`${JSON.stringify(tokens)}`)
      await write((trx) =>
        trx.deleteFrom('locks').where('site_id', '=', siteId).where('token', 'in', among).execute(),
      )
    },
    removeWithin: (siteId, path) => write((trx) => removeWithin(trx, siteId, path)),
    removeExpired: async (now) => {
      await write((trx) => trx.deleteFrom('locks').where('expires_at', '<=', now).execute())
    },
  }
}

async function removeWithin(db: Kysely<Database>, siteId: string, path: VirtualPath): Promise<void> {
  await db
    .deleteFrom('locks')
    .where(within('site_id', siteId, path))
    .execute()
}

function lockOf(row: LockTable): Lock {
  return {
    token: row.token,
    path: parsePath(row.path),
    reach: row.reach,
    scope: row.scope,
    holder: row.holder,
    owner: row.owner,
    expiresAt: row.expires_at,
  }
}

function lockRow(siteId: string, lock: Lock): LockTable {
  return {
    token: lock.token,
    site_id: siteId,
    path: lock.path,
    reach: lock.reach,
    scope: lock.scope,
    holder: lock.holder,
    owner: lock.owner,
    expires_at: lock.expiresAt,
  }
}
