import { type Kysely, sql } from 'kysely'
import type { Lock } from '#files/locks.ts'
import type { LockStore } from '#files/ports.ts'
import { isBelow, parsePath, type VirtualPath } from '#permissions/path.ts'
import type { Engine } from './engine.ts'
import { asTaken, missing } from './faults.ts'
import { reading, type ValueOf } from './fixed.ts'
import type { Work } from './group-commit.ts'
import { between, bounds, within } from './paths.ts'
import { remembered } from './remembered.ts'
import type { Database, LockTable } from './schema.ts'

/** Up to this many locks of all sites are looked through in memory: every change of a file asks for them. */
const FEW = 200

/** Advisory locks of all sites, shared by all doors and processes. */
export function lockStore(engine: Engine): LockStore {
  const { db, write, texts } = engine
  const find = finder(engine)
  const rows = remembered(engine, () =>
    db
      .selectFrom('locks')
      .selectAll()
      .limit(FEW + 1)
      .execute(),
  )
  const change = <T>(work: Work<T>) => rows.change(() => write(work))
  return {
    find: async (site, query) => {
      if (query.early && rows.last()?.length === 0) return []
      const known = await rows.get()
      return known.length > FEW ? find(site, query) : found(known, site, query)
    },
    insert: async (siteId, lock) => {
      const row = lockRow(siteId, lock)
      await asTaken(
        'this lock',
        change((trx) => trx.insertInto('locks').values(row).execute()),
      )
    },
    extend: async (siteId, token, expiresAt) => {
      const { numUpdatedRows } = await change((trx) =>
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
      await change((trx) =>
        trx.deleteFrom('locks').where('site_id', '=', siteId).where('token', 'in', among).execute(),
      )
    },
    removeWithin: async (siteId, path) => {
      if ((await rows.get()).length > 0) await change((trx) => removeWithin(trx, siteId, path))
    },
    removeExpired: async (now) => {
      await change((trx) => trx.deleteFrom('locks').where('expires_at', '<=', now).execute())
    },
  }
}

type Query = Parameters<LockStore['find']>[1]

function found(rows: readonly LockTable[], site: string, { paths, below: folder, now }: Query): Lock[] {
  const live = rows.filter((row) => row.site_id === site && row.expires_at > now).map(lockOf)
  return live.filter(({ path }) => paths.includes(path) || (folder !== undefined && isBelow(folder, path)))
}

/** For many locks: two ranges of the index. */
function finder(engine: Engine): LockStore['find'] {
  const { db, texts } = engine
  const live = (value: ValueOf<'site' | 'now'>) =>
    db
      .selectFrom('locks')
      .selectAll()
      .where('site_id', '=', value('site'))
      .where('expires_at', '>', value<number>('now'))
  const onPaths = reading(engine, ['site', 'now', 'paths'], (value) =>
    live(value).where('path', 'in', texts(value('paths'))),
  )
  const underFolder = reading(engine, ['site', 'now', 'low', 'high'], (value) =>
    live(value).where(between(value('low'), value('high'))),
  )
  return async (site, { paths, below: folder, now }) => {
    const rows = await onPaths({ site, now, paths: JSON.stringify(paths) })
    if (folder === undefined) return rows.map(lockOf)
    const under = await underFolder({ site, now, ...bounds(folder) })
    const all = new Map([...rows, ...under].map((row) => [row.token, lockOf(row)]))
    return [...all.values()]
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
