import { type Kysely, sql } from 'kysely'
import type { Place, TrashRecord, TrashStore } from '#files/ports.ts'
import { parsePath, ROOT } from '#permissions/path.ts'
import type { Engine } from './engine.ts'
import { within } from './paths.ts'
import type { Database, TrashTable } from './schema.ts'

/** What was deleted and can be restored, of all mounts. */
export function trashStore({ db, write, texts }: Engine): TrashStore {
  return {
    insert: async (record) => {
      await write((trx) => trx.insertInto('trash').values(rowOf(record)).execute())
    },
    get: async (mountIds, id) => {
      const row = await db.selectFrom('trash').selectAll().where('id', '=', id).executeTakeFirst()
      return row !== undefined && mountIds.includes(row.mount_id) ? recordOf(row) : null
    },
    list: async (places, { before, limit }) => {
      const rows = await Promise.all(places.map((place) => newest(db, place, before, limit)))
      const sorted = rows.flat().sort((a, b) => (a.id < b.id ? 1 : -1))
      return sorted.slice(0, limit).map(recordOf)
    },
    older: async (mountId, deletedBefore, limit) => {
      const rows = db.selectFrom('trash').selectAll().where('mount_id', '=', mountId)
      const old = rows.where('deleted_at', '<', deletedBefore).orderBy('deleted_at').limit(limit)
      return (await old.execute()).map(recordOf)
    },
    remove: async (ids) => {
      if (ids.length === 0) return
      const among = texts(sql`${JSON.stringify(ids)}`)
      await write((trx) => trx.deleteFrom('trash').where('id', 'in', among).execute())
    },
  }
}

function newest(
  db: Kysely<Database>,
  { mountId, path }: Place,
  before: string | undefined,
  limit: number,
): Promise<TrashTable[]> {
  return db
    .selectFrom('trash')
    .selectAll()
    .where('mount_id', '=', mountId)
    .$if(path !== ROOT, (query) => query.where(within('mount_id', mountId, path)))
    .$if(before !== undefined, (query) => query.where('id', '<', before ?? ''))
    .orderBy('id', 'desc')
    .limit(limit)
    .execute()
}

function rowOf({ id, place, kind, size, deletedAt, user, key }: TrashRecord): TrashTable {
  return {
    id,
    mount_id: place.mountId,
    path: place.path,
    kind,
    size,
    deleted_at: deletedAt,
    user_id: user?.id ?? null,
    user_name: user?.name ?? null,
    key_id: key?.id ?? null,
    key_name: key?.name ?? null,
  }
}

function recordOf(row: TrashTable): TrashRecord {
  return {
    id: row.id,
    place: { mountId: row.mount_id, path: parsePath(row.path) },
    kind: row.kind,
    size: row.size,
    deletedAt: row.deleted_at,
    user: named(row.user_id, row.user_name),
    key: named(row.key_id, row.key_name),
  }
}

function named(id: string | null, name: string | null): { id: string; name: string } | null {
  return id === null ? null : { id, name: name ?? '' }
}
