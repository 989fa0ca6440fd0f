import type { Selectable } from 'kysely'
import type { AuditEntry, AuditRecord, ChainPlace, SealedHead } from '#audit/ports.ts'
import type { AuditHeadTable, AuditTable } from './schema.ts'

/** The entry as the table will give it back, so that its hash can be made again. */
export function settledEntry(entry: AuditEntry): Required<AuditEntry> {
  return {
    at: Math.trunc(entry.at),
    action: entry.action,
    outcome: entry.outcome,
    reason: kept(entry.reason),
    siteId: kept(entry.siteId),
    siteName: kept(entry.siteName ?? null),
    userId: kept(entry.userId),
    userName: kept(entry.userName),
    keyId: kept(entry.keyId),
    keyName: kept(entry.keyName),
    door: entry.door,
    address: kept(entry.address),
    subject: kept(entry.subject),
    target: kept(entry.target ?? null),
  }
}

/** Half characters do not survive UTF-8, nor NUL in every engine. */
function kept<Text extends string | null>(text: Text): Text | string {
  return text === null ? text : text.toWellFormed().replaceAll('\0', '\ufffd')
}

export function auditRow(
  entry: Required<AuditEntry>,
  link: ChainPlace & { readonly previous: Buffer; readonly hash: Buffer },
): Omit<Selectable<AuditTable>, 'sequence'> {
  return {
    at: entry.at,
    action: entry.action,
    outcome: entry.outcome,
    reason: entry.reason,
    site_id: entry.siteId,
    site_name: entry.siteName,
    user_id: entry.userId,
    user_name: entry.userName,
    key_id: entry.keyId,
    key_name: entry.keyName,
    door: entry.door,
    address: entry.address,
    subject: entry.subject,
    target: entry.target,
    writer: link.writer,
    number: link.number,
    previous: link.previous,
    hash: link.hash,
  }
}

export function auditRecordOf(row: Selectable<AuditTable>): AuditRecord {
  return {
    sequence: row.sequence,
    at: row.at,
    action: row.action,
    outcome: row.outcome,
    reason: row.reason,
    siteId: row.site_id,
    siteName: row.site_name,
    userId: row.user_id,
    userName: row.user_name,
    keyId: row.key_id,
    keyName: row.key_name,
    door: row.door,
    address: row.address,
    subject: row.subject,
    target: row.target,
    writer: row.writer,
    number: row.number,
    previous: row.previous,
    hash: row.hash,
  }
}

export function headOf(row: AuditHeadTable): SealedHead {
  return {
    writer: row.writer,
    ordinal: row.ordinal,
    startedAt: row.started_at,
    count: row.count,
    hash: row.hash,
    prunedCount: row.pruned_count,
    prunedHash: row.pruned_hash,
    mac: row.mac,
  }
}

export function headRow(head: SealedHead): AuditHeadTable {
  return {
    writer: head.writer,
    ordinal: head.ordinal,
    started_at: head.startedAt,
    count: head.count,
    hash: head.hash,
    pruned_count: head.prunedCount,
    pruned_hash: head.prunedHash,
    mac: head.mac,
  }
}
