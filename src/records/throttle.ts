import type { Kysely } from 'kysely'
import type { GuessCount, ThrottleStore } from '#credentials/ports.ts'
import type { Engine } from './engine.ts'
import { pieces } from './paths.ts'
import type { Database } from './schema.ts'

const ROWS_AT_ONCE = 500
const MAX_READ = 100_000

/** Counts of wrong guesses, which nodes add up. */
export function throttleStore({ db, write }: Engine): ThrottleStore {
  return {
    async add(counts, forgetBefore) {
      await write(async (trx) => {
        for (const piece of pieces(counts, ROWS_AT_ONCE)) await addUp(trx, piece, forgetBefore)
      })
    },
    since: (at) =>
      db
        .selectFrom('throttle')
        .select(['bucket', 'failures', 'at'])
        .where('at', '>=', at)
        .orderBy('at', 'desc')
        .limit(MAX_READ)
        .execute(),
    async forget({ guesses, proofs, future }) {
      await write((trx) =>
        trx
          .deleteFrom('throttle')
          .where((eb) => {
            const isOld = eb('at', '<', guesses).and(eb.or([eb('failures', '>', 0), eb('at', '<', proofs)]))
            return eb.or([isOld, eb('at', '>', future)])
          })
          .execute(),
      )
    },
  }
}

async function addUp(
  db: Kysely<Database>,
  counts: readonly GuessCount[],
  forgetBefore: number,
): Promise<void> {
  await db
    .insertInto('throttle')
    .values(counts.map(({ bucket, failures, at }) => ({ bucket, failures, at })))
    .onConflict((conflict) =>
      conflict.column('bucket').doUpdateSet((eb) => ({
        failures: eb
          .case()
          .when('throttle.at', '<=', forgetBefore)
          .then(eb.ref('excluded.failures'))
          .else(eb('throttle.failures', '+', eb.ref('excluded.failures')))
          .end(),
        at: eb
          .case()
          .when('throttle.at', '>', eb.ref('excluded.at'))
          .then(eb.ref('throttle.at'))
          .else(eb.ref('excluded.at'))
          .end(),
      })),
    )
    .execute()
}
