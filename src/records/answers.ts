import type { Kysely } from 'kysely'
import type { AnswerStore } from '#identity/ports.ts'
import type { Database } from './schema.ts'

/** What was answered to creations, so that one that is sent twice is done once. */
export function answerStore(db: Kysely<Database>): AnswerStore {
  return {
    async begin({ name, fingerprint, now, over, stuck }) {
      return db.transaction().execute(async (trx) => {
        await trx
          .deleteFrom('answers')
          .where((eb) =>
            eb.or([
              eb('started_at', '<=', over),
              eb.and([eb('status', 'is', null), eb('started_at', '<=', stuck)]),
            ]),
          )
          .execute()
        const held = await trx.selectFrom('answers').selectAll().where('name', '=', name).executeTakeFirst()
        if (held === undefined) {
          await trx.insertInto('answers').values({ name, fingerprint, started_at: now }).execute()
          return null
        }
        const { fingerprint: first, started_at: startedAt, status, location, sealed } = held
        return { fingerprint: first, startedAt, status, location, sealed }
      })
    },
    async finish(name, { status, location, sealed }) {
      await db.updateTable('answers').set({ status, location, sealed }).where('name', '=', name).execute()
    },
    async release(name) {
      await db.deleteFrom('answers').where('name', '=', name).execute()
    },
    async forget(before) {
      await db
        .updateTable('answers')
        .set({ sealed: null })
        .where('started_at', '<=', before)
        .where('sealed', 'is not', null)
        .execute()
    },
  }
}
