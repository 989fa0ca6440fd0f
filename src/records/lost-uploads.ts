import { type SelectQueryBuilder, sql } from 'kysely'
import type { Holder, LostRecord, LostStore } from '#files/ports.ts'
import { parsePath } from '#permissions/path.ts'
import type { Engine } from './engine.ts'
import type { Database, LostUploadTable } from './schema.ts'

/** Uploads whose connection was lost. */
export function lostStore({ db, write }: Engine): LostStore {
  return {
    insert: (record) =>
      write(async (trx) => {
        const row = rowOf(record)
        const earlier = await trx
          .deleteFrom('lost_uploads')
          .where(...heldBy(record.holder))
          .where('mount_id', '=', row.mount_id)
          .where('path', '=', row.path)
          .returning('id')
          .executeTakeFirst()
        await trx.insertInto('lost_uploads').values(row).execute()
        return earlier?.id ?? null
      }),
    of: async (siteId, holder) => {
      const rows = db.selectFrom('lost_uploads').selectAll().where('site_id', '=', siteId)
      const own = rows.where(...heldBy(holder)).orderBy('lost_at', 'desc')
      return (await own.orderBy('id').execute()).map(recordOf)
    },
    remove: async (id) => {
      const removed = await write((trx) =>
        trx.deleteFrom('lost_uploads').where('id', '=', id).returning('id').executeTakeFirst(),
      )
      return removed !== undefined
    },
    ended: async (lostBefore, now) => {
      const rows = db.selectFrom('lost_uploads').selectAll('lost_uploads')
      return (await endedAmong(rows, lostBefore, now).execute()).map(recordOf)
    },
    ids: async (mountId) => {
      const rows = db.selectFrom('lost_uploads').select('id').where('mount_id', '=', mountId)
      return (await rows.execute()).map(({ id }) => id)
    },
  }
}

function heldBy(holder: Holder): ['key_id' | 'user_id', '=', string] {
  return 'keyId' in holder ? ['key_id', '=', holder.keyId] : ['user_id', '=', holder.userId]
}

/** Too old, or of a key, user or site that may not log in. */
function endedAmong(
  rows: SelectQueryBuilder<Database, 'lost_uploads', LostUploadTable>,
  lostBefore: number,
  now: number,
) {
  return rows
    .leftJoin('sites', 'sites.id', 'lost_uploads.site_id')
    .leftJoin('keys', 'keys.id', 'lost_uploads.key_id')
    .leftJoin('users', (join) =>
      join.on(sql`users.id`, '=', sql`coalesce(keys.user_id, lost_uploads.user_id)`),
    )
    .where((eb) => {
      const keyEnded = eb.and([
        eb('lost_uploads.key_id', 'is not', null),
        eb.or([
          eb('keys.id', 'is', null),
          eb('keys.enabled', '=', 0),
          eb('keys.expires_at', '<=', now),
          eb.and([eb('keys.type', '!=', 'site'), eb('keys.scopes', '=', 0)]),
        ]),
      ])
      const userEnded = eb.and([
        eb.or([eb('lost_uploads.user_id', 'is not', null), eb('keys.type', '=', 'user')]),
        eb.or([eb('users.id', 'is', null), eb('users.enabled', '=', 0), eb('users.expires_at', '<=', now)]),
      ])
      return eb.or([
        eb('lost_uploads.lost_at', '<', lostBefore),
        eb('sites.enabled', '=', 0),
        keyEnded,
        userEnded,
      ])
    })
}

function rowOf({ id, siteId, holder, place, size, lostAt, base, edits }: LostRecord): LostUploadTable {
  return {
    id,
    site_id: siteId,
    mount_id: place.mountId,
    path: place.path,
    key_id: 'keyId' in holder ? holder.keyId : null,
    user_id: 'userId' in holder ? holder.userId : null,
    size,
    lost_at: Math.floor(lostAt),
    base,
    edits: edits ? 1 : 0,
  }
}

function recordOf(row: LostUploadTable): LostRecord {
  return {
    id: row.id,
    siteId: row.site_id,
    holder: row.key_id === null ? { userId: row.user_id ?? '' } : { keyId: row.key_id },
    place: { mountId: row.mount_id, path: parsePath(row.path) },
    size: row.size,
    lostAt: row.lost_at,
    base: row.base,
    edits: row.edits === 1,
  }
}
