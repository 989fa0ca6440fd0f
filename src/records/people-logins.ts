import type { Kysely } from 'kysely'
import type { BrowserRecord, PeopleStore } from '#credentials/ports.ts'
import type { BrowserTable, Database } from './schema.ts'
import type { Commit } from './transactions.ts'

/** Second factors and browsers, as logins read and write them. */
export function peopleStore(db: Kysely<Database>, commit: Commit): PeopleStore {
  return {
    factor: async (userId) => {
      const row = await db
        .selectFrom('second_factors')
        .select(['sealed', 'confirmed_at'])
        .where('user_id', '=', userId)
        .executeTakeFirst()
      return row ? { userId, sealed: row.sealed, confirmedAt: row.confirmed_at } : null
    },
    takeStep: async (userId, step) => {
      const taken = await db
        .updateTable('second_factors')
        .set({ last_step: step })
        .where('user_id', '=', userId)
        .where('confirmed_at', 'is not', null)
        .where('last_step', '<', step)
        .executeTakeFirstOrThrow()
      return taken.numUpdatedRows > 0n
    },
    takeRecoveryCode: async (userId, digest) => {
      const taken = await db
        .deleteFrom('recovery_codes')
        .where('user_id', '=', userId)
        .where('digest', '=', digest)
        .executeTakeFirstOrThrow()
      return taken.numDeletedRows > 0n
    },
    ...browserMethods(db, commit),
  }
}

type BrowserMethods = Omit<PeopleStore, 'factor' | 'takeStep' | 'takeRecoveryCode'>

function browserMethods(db: Kysely<Database>, commit: Commit): BrowserMethods {
  return {
    addBrowser: (browser, digest, sweepBefore) =>
      db.transaction().execute(async (trx) => {
        await trx.deleteFrom('browsers').where('seen_at', '<', sweepBefore).execute()
        await trx.insertInto('browsers').values(rowOf(browser, digest)).execute()
      }),
    browserByDigest: async (digest) => {
      const row = await db
        .selectFrom('browsers')
        .selectAll()
        .where((eb) => eb.or([eb('digest', '=', digest), eb('previous', '=', digest)]))
        .executeTakeFirst()
      return row ? { ...browserOf(row), isPrevious: !row.digest.equals(digest) } : null
    },
    hasBrowser: async (id) => {
      const row = await db.selectFrom('browsers').select('id').where('id', '=', id).executeTakeFirst()
      return row !== undefined
    },
    rotateBrowser: (id, from, to, now) =>
      replace(db, id, from, { digest: to, previous: from, rotated_at: now }),
    promoteBrowser: (id, from, to, now) =>
      replace(db, id, from, { digest: to, previous: null, rotated_at: now, seen_at: now, stage: 'in' }),
    touchBrowser: async (id, { seenAt, address, client }) => {
      const seen = { seen_at: seenAt, address, client }
      await db.updateTable('browsers').set(seen).where('id', '=', id).execute()
    },
    countTry: async (id, most) => {
      const counted = await db
        .updateTable('browsers')
        .set((eb) => ({ tries: eb('tries', '+', 1) }))
        .where('id', '=', id)
        .where('tries', '<', most)
        .executeTakeFirstOrThrow()
      return counted.numUpdatedRows > 0n
    },
    removeBrowser: (id) =>
      commit([], async (trx) => {
        const removed = await trx
          .deleteFrom('browsers')
          .where('id', '=', id)
          .returning(['site_id', 'user_id'])
          .execute()
        return removed.map((row) => ({ kind: 'user', siteId: row.site_id, keyId: null, userId: row.user_id }))
      }),
  }
}

async function replace(
  db: Kysely<Database>,
  id: string,
  from: Buffer,
  values: Partial<BrowserTable>,
): Promise<boolean> {
  const changed = await db
    .updateTable('browsers')
    .set(values)
    .where('id', '=', id)
    .where('digest', '=', from)
    .executeTakeFirstOrThrow()
  return changed.numUpdatedRows > 0n
}

function rowOf(browser: BrowserRecord, digest: Buffer): BrowserTable {
  return {
    id: browser.id,
    digest,
    previous: null,
    site_id: browser.siteId,
    user_id: browser.userId,
    stage: browser.stage,
    address: browser.address,
    client: browser.client,
    created_at: browser.createdAt,
    seen_at: browser.seenAt,
    rotated_at: browser.rotatedAt,
    tries: browser.tries,
  }
}

/** A row as the ports show it. */
export function browserOf(row: BrowserTable): BrowserRecord {
  return {
    id: row.id,
    siteId: row.site_id,
    userId: row.user_id,
    stage: row.stage,
    address: row.address,
    client: row.client,
    createdAt: row.created_at,
    seenAt: row.seen_at,
    rotatedAt: row.rotated_at,
    tries: row.tries,
  }
}
