import type { Insertable, Kysely } from 'kysely'
import type { AuditEntry } from '#audit/ports.ts'
import { pieces } from './paths.ts'
import type { AuditTable, Database } from './schema.ts'

/** Where the audit writer puts its batches. All of a batch is durable when it resolves, or none. */
export type AuditStore = { append(entries: readonly AuditEntry[]): Promise<void> }

export function auditStore(db: Kysely<Database>): AuditStore {
  return {
    append: async (entries) => {
      if (entries.length > 0) await db.transaction().execute((trx) => insertAudit(trx, entries))
    },
  }
}

/** Appends inside a transaction that the caller made. */
export async function insertAudit(trx: Kysely<Database>, entries: readonly AuditEntry[]): Promise<void> {
  for (const piece of pieces(entries, 500))
    await trx.insertInto('audit').values(piece.map(auditRow)).execute()
}

function auditRow(entry: AuditEntry): Insertable<AuditTable> {
  return {
    at: entry.at,
    action: entry.action,
    outcome: entry.outcome,
    reason: entry.reason,
    site_id: entry.siteId,
    user_id: entry.userId,
    user_name: entry.userName,
    key_id: entry.keyId,
    key_name: entry.keyName,
    door: entry.door,
    address: entry.address,
    subject: entry.subject,
  }
}
