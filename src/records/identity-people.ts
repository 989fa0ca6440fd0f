import type { Kysely, Transaction } from 'kysely'
import type { IdentityStore } from '#identity/ports.ts'
import { missing } from './faults.ts'
import { browserOf } from './people-logins.ts'
import type { Database } from './schema.ts'
import type { Commit, News } from './transactions.ts'

type PeopleMethods = Pick<
  IdentityStore,
  | 'secondFactor'
  | 'beginSecondFactor'
  | 'confirmSecondFactor'
  | 'removeSecondFactor'
  | 'replaceRecoveryCodes'
  | 'browsers'
  | 'browsersOfSite'
  | 'endBrowsers'
>

/** Second factors and browsers, as their owners manage them. */
export function peopleMethods(db: Kysely<Database>, commit: Commit): PeopleMethods {
  return { ...factorMethods(db, commit), ...browserLists(db, commit) }
}

function factorMethods(
  db: Kysely<Database>,
  commit: Commit,
): Omit<PeopleMethods, 'browsers' | 'browsersOfSite' | 'endBrowsers'> {
  return {
    secondFactor: async (userId) => {
      const row = await db
        .selectFrom('second_factors')
        .select(['sealed', 'confirmed_at'])
        .select((eb) =>
          eb
            .selectFrom('recovery_codes')
            .whereRef('recovery_codes.user_id', '=', 'second_factors.user_id')
            .select(eb.fn.countAll<number>().as('count'))
            .as('codes'),
        )
        .where('user_id', '=', userId)
        .executeTakeFirst()
      return row
        ? { sealed: row.sealed, confirmedAt: row.confirmed_at, recoveryCodes: Number(row.codes ?? 0) }
        : null
    },
    beginSecondFactor: (userId, sealed, now) =>
      db.transaction().execute(async (trx) => {
        await trx
          .deleteFrom('second_factors')
          .where('user_id', '=', userId)
          .where('confirmed_at', 'is', null)
          .execute()
        const row = { user_id: userId, sealed, created_at: now, confirmed_at: null, last_step: 0 }
        await trx.insertInto('second_factors').values(row).execute()
      }),
    confirmSecondFactor: ({ siteId, userId }, { step, codes, now, keepBrowser }, audit) =>
      commit(audit, async (trx) => {
        const confirmed = await trx
          .updateTable('second_factors')
          .set({ confirmed_at: now, last_step: step })
          .where('user_id', '=', userId)
          .where('confirmed_at', 'is', null)
          .executeTakeFirstOrThrow()
        if (confirmed.numUpdatedRows === 0n) throw missing('second factor')
        await putCodes(trx, userId, codes)
        // Those that came in with the password alone come again.
        await dropBrowsers(trx, userId, keepBrowser)
        return [news(siteId, userId)]
      }),
    removeSecondFactor: ({ siteId, userId }, audit) =>
      commit(audit, async (trx) => {
        const removed = await trx
          .deleteFrom('second_factors')
          .where('user_id', '=', userId)
          .executeTakeFirst()
        if (removed.numDeletedRows === 0n) throw missing('second factor')
        await putCodes(trx, userId, [])
        return [news(siteId, userId)]
      }),
    replaceRecoveryCodes: ({ siteId, userId }, codes, audit) =>
      commit(audit, async (trx) => {
        await putCodes(trx, userId, codes)
        return [news(siteId, userId)]
      }),
  }
}

async function putCodes(trx: Transaction<Database>, userId: string, codes: readonly Buffer[]): Promise<void> {
  await trx.deleteFrom('recovery_codes').where('user_id', '=', userId).execute()
  if (codes.length === 0) return
  const rows = codes.map((digest) => ({ user_id: userId, digest }))
  await trx.insertInto('recovery_codes').values(rows).execute()
}

function browserLists(
  db: Kysely<Database>,
  commit: Commit,
): Pick<PeopleMethods, 'browsers' | 'browsersOfSite' | 'endBrowsers'> {
  return {
    browsers: async (userId) => {
      const rows = await db
        .selectFrom('browsers')
        .selectAll()
        .where('user_id', '=', userId)
        .where('stage', '=', 'in')
        .orderBy('created_at')
        .execute()
      return rows.map(browserOf)
    },
    browsersOfSite: async (siteId, seenSince) => {
      const rows = await db
        .selectFrom('browsers')
        .innerJoin('users', 'users.id', 'browsers.user_id')
        .selectAll('browsers')
        .select('users.name as user_name')
        .where('browsers.site_id', '=', siteId)
        .where('browsers.stage', '=', 'in')
        .where('browsers.seen_at', '>=', seenSince)
        .orderBy('browsers.seen_at', 'desc')
        .limit(100)
        .execute()
      return rows.map((row) => ({ ...browserOf(row), userName: row.user_name }))
    },
    endBrowsers: ({ siteId, userId }, which, audit) =>
      commit(audit, async (trx) => {
        const ended = await trx
          .deleteFrom('browsers')
          .where('user_id', '=', userId)
          .$if('only' in which, (all) => all.where('id', '=', 'only' in which ? which.only : ''))
          .$if('except' in which, (all) => all.where('id', '!=', 'except' in which ? which.except : ''))
          .executeTakeFirst()
        if ('only' in which && ended.numDeletedRows === 0n) throw missing('login')
        return [news(siteId, userId)]
      }),
  }
}

/** Ends the logins of a user in browsers, but for one; the feed has to tell of the user. */
export async function dropBrowsers(
  trx: Transaction<Database>,
  userId: string,
  except: string | undefined,
): Promise<void> {
  await trx
    .deleteFrom('browsers')
    .where('user_id', '=', userId)
    .$if(except !== undefined, (all) => all.where('id', '!=', except ?? ''))
    .execute()
}

function news(siteId: string, userId: string): News {
  return { kind: 'user', siteId, keyId: null, userId }
}
