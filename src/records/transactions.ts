import type { Kysely, Transaction } from 'kysely'
import type { AuditEntry } from '#audit/ports.ts'
import type { Change, Clock } from '#credentials/ports.ts'
import { type AuditChain, withSiteNames } from './audit-chain.ts'
import type { Database } from './schema.ts'

/** Reads that belong together see one state of the database. */
export function snapshot<T>(
  db: Kysely<Database>,
  read: (trx: Transaction<Database>) => Promise<T>,
): Promise<T> {
  return db.transaction().setAccessMode('read only').setIsolationLevel('repeatable read').execute(read)
}

/** What a change tells the feed. */
export type News = Omit<Change, 'sequence'>

/**
 * Runs a change of identities in one transaction with its rows for the feed and its audit entry, then lets
 * the feed tell this process before it resolves.
 */
export type Commit = (
  audit: AuditEntry | readonly AuditEntry[],
  work: (trx: Transaction<Database>) => Promise<readonly News[]>,
) => Promise<void>

export function committer(
  db: Kysely<Database>,
  clock: Clock,
  feed: { poll(): Promise<void> },
  chain: Pick<AuditChain, 'append'>,
): Commit {
  return async (audit, work) => {
    await db.transaction().execute(async (trx) => {
      // Before the change: it may take the site away.
      const entries = await withSiteNames(trx, [audit].flat())
      const news = await work(trx)
      const at = clock.now()
      const rows = news.map(({ kind, siteId, keyId, userId, sessionId }) => ({
        at,
        kind,
        site_id: siteId,
        key_id: keyId,
        user_id: userId,
        session_id: sessionId ?? null,
      }))
      if (rows.length > 0) await trx.insertInto('changes').values(rows).execute()
      await chain.append(trx, entries)
    })
    // The change is durable: a feed that cannot be read now is read again by its timer.
    await feed.poll().catch(() => {})
  }
}
