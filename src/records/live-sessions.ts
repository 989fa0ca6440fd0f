import type { Kysely, Selectable } from 'kysely'
import type { LiveSession, LiveSessionStore } from '#audit/ports.ts'
import type { Engine } from './engine.ts'
import { pieces } from './paths.ts'
import type { Database, LiveSessionTable } from './schema.ts'
import type { Commit } from './transactions.ts'

/** A process that has not told of itself for so long is gone; it does so every 5 s while it has sessions. */
const GONE_MS = 15_000

export function liveSessionStore(
  { db, write }: Pick<Engine, 'db' | 'write'>,
  commit: Commit,
): LiveSessionStore {
  const live = (now: number) =>
    db
      .selectFrom('live_sessions as session')
      .innerJoin('live_processes as process', 'process.id', 'session.process_id')
      .where('process.seen_at', '>', now - GONE_MS)
      .selectAll('session')
  return {
    list: async (siteId, { limit, after, now }) => {
      const { startedAt = 0, id = '' } = after ?? {}
      const page = live(now)
        .where('session.site_id', '=', siteId)
        .where((eb) =>
          eb.or([
            eb('session.started_at', '>', startedAt),
            eb.and([eb('session.started_at', '=', startedAt), eb('session.id', '>', id)]),
          ]),
        )
        .orderBy('session.started_at')
        .orderBy('session.id')
        .limit(limit)
      return (await page.execute()).map(liveSessionOf)
    },
    find: async (siteId, id, now) => {
      const row = await live(now)
        .where('session.site_id', '=', siteId)
        .where('session.id', '=', id)
        .executeTakeFirst()
      return row === undefined ? null : liveSessionOf(row)
    },
    end: ({ id, siteId, keyId, userId }, audit) =>
      commit(audit, async (trx) => {
        await trx.deleteFrom('live_sessions').where('id', '=', id).execute()
        return [{ kind: 'session', siteId, keyId, userId, sessionId: id }]
      }),
    publish: (processId, { put, gone, now }) =>
      write(async (trx) => {
        const isKnown = await confirm(trx, processId, now)
        for (const piece of pieces(put, 500)) await upsert(trx, processId, piece)
        for (const piece of pieces(gone, 500)) {
          await trx.deleteFrom('live_sessions').where('id', 'in', piece).execute()
        }
        return isKnown
      }),
    forget: (processId) =>
      write(async (trx) => {
        await trx.deleteFrom('live_processes').where('id', '=', processId).execute()
      }),
  }
}

/** Says that the process lives, and sweeps away those that do not; true when it was known. */
async function confirm(trx: Kysely<Database>, id: string, now: number): Promise<boolean> {
  await trx
    .deleteFrom('live_processes')
    .where('seen_at', '<=', now - GONE_MS)
    .where('id', '!=', id)
    .execute()
  const seen = trx.updateTable('live_processes').set({ seen_at: now }).where('id', '=', id).returning('id')
  if ((await seen.executeTakeFirst()) !== undefined) return true
  await trx.insertInto('live_processes').values({ id, seen_at: now }).execute()
  return false
}

async function upsert(
  trx: Kysely<Database>,
  processId: string,
  sessions: readonly LiveSession[],
): Promise<void> {
  await trx
    .insertInto('live_sessions')
    .values(sessions.map((session) => rowOf(processId, session)))
    .onConflict((conflict) =>
      conflict.column('id').doUpdateSet((eb) => ({
        bytes_in: eb.ref('excluded.bytes_in'),
        bytes_out: eb.ref('excluded.bytes_out'),
        current: eb.ref('excluded.current'),
      })),
    )
    .execute()
}

function rowOf(processId: string, session: LiveSession): LiveSessionTable {
  return {
    id: session.id,
    process_id: processId,
    site_id: session.siteId,
    kind: session.kind,
    user_id: session.userId,
    user_name: session.userName,
    key_id: session.keyId,
    key_name: session.keyName,
    door: session.door,
    address: session.address,
    client: session.client,
    started_at: session.startedAt,
    bytes_in: session.bytesIn,
    bytes_out: session.bytesOut,
    current: session.current,
  }
}

function liveSessionOf(row: Selectable<LiveSessionTable>): LiveSession {
  return {
    id: row.id,
    siteId: row.site_id,
    kind: row.kind,
    userId: row.user_id,
    userName: row.user_name,
    keyId: row.key_id,
    keyName: row.key_name,
    door: row.door,
    address: row.address,
    client: row.client,
    startedAt: row.started_at,
    bytesIn: row.bytes_in,
    bytesOut: row.bytes_out,
    current: row.current,
  }
}
