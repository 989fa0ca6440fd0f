import type { AuditFilter, AuditPlace, AuditRecord } from '#audit/ports.ts'
import { Fault } from '#faults'
import { parsePath } from '#permissions/path.ts'
import { type Actor, administeredSite } from './actor.ts'
import type { IdentityDeps } from './deps.ts'
import { isoTime } from './times.ts'

/** What to look for, as it is asked: all that is named must hold. Times in milliseconds since the epoch. */
export type AuditQuestion = Omit<AuditFilter, 'siteId' | 'path'> & { readonly path?: string | undefined }

const EXPORT_PAGE = 1_000

/**
 * A page of a site's entries, the newest first; `siteId` null: of all sites, for the command line only.
 * Faults: forbidden, not_found, invalid.
 */
export async function listAudit(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string | null,
  question: AuditQuestion,
  page: { readonly limit: number; readonly after: AuditPlace | null },
): Promise<readonly AuditRecord[]> {
  const filter = await filterFor(deps, actor, siteId, question)
  return deps.audit.search(filter, { ...page, order: 'newest' })
}

/**
 * All that the question finds, the oldest first, in pages: memory stays flat. What is recorded meanwhile is
 * left out. Faults as `listAudit`, before the first page.
 */
export async function exportAudit(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string | null,
  question: AuditQuestion,
): Promise<AsyncIterable<readonly AuditRecord[]>> {
  const filter = await filterFor(deps, actor, siteId, question)
  return pages(deps, { ...filter, until: filter.until ?? deps.clock.now() + 1 })
}

async function* pages(deps: IdentityDeps, filter: AuditFilter): AsyncIterable<readonly AuditRecord[]> {
  for (let after: AuditPlace | null = null; ; ) {
    const page: readonly AuditRecord[] = await deps.audit.search(filter, {
      limit: EXPORT_PAGE,
      after,
      order: 'oldest',
    })
    if (page.length > 0) yield page
    const last = page.at(-1)
    if (last === undefined || page.length < EXPORT_PAGE) return
    after = placeOf(last)
  }
}

async function filterFor(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string | null,
  { path, address, ...question }: AuditQuestion,
): Promise<AuditFilter> {
  if (siteId !== null) await administeredSite(deps, actor, siteId)
  else if (actor.kind !== 'command_line') throw new Fault('forbidden', 'only one site at a time')
  return {
    ...question,
    siteId,
    ...(path !== undefined && { path: parsePath(path) }),
    ...(address !== undefined && { address: address.toLowerCase() }),
  }
}

function placeOf({ at, sequence }: AuditRecord): AuditPlace {
  return { at, sequence }
}

/** What lists need of an entry. */
export type ShownEntry = Omit<AuditRecord, 'action' | 'writer' | 'number' | 'previous' | 'hash'> & {
  readonly action: string
}

/** An entry as lists show it. */
export function auditJson(entry: ShownEntry) {
  return {
    sequence: entry.sequence,
    at: isoTime(entry.at),
    action: entry.action,
    outcome: entry.outcome,
    reason: entry.reason,
    site: named(entry.siteId, entry.siteName),
    user: named(entry.userId, entry.userName),
    key: named(entry.keyId, entry.keyName),
    door: entry.door,
    address: entry.address,
    subject: entry.subject,
    target: entry.target,
  }
}

/** One line of an export: with the entry's place in its chain, so that it can be checked elsewhere. */
export function auditLine(entry: AuditRecord): string {
  const chain = {
    writer: entry.writer,
    number: entry.number,
    previous: entry.previous.toString('hex'),
    hash: entry.hash.toString('hex'),
  }
  return `${JSON.stringify({ ...auditJson(entry), chain })}\n`
}

const CSV_COLUMNS = [
  ...['sequence', 'at', 'action', 'outcome', 'reason', 'site', 'user_id', 'user', 'key_id', 'key', 'door'],
  ...['address', 'subject', 'target', 'writer', 'number', 'hash'],
]

/** The first line of an export for spreadsheets (RFC 4180). */
export const AUDIT_CSV_HEAD = `${CSV_COLUMNS.join(',')}\r\n`

/** One line of an export for spreadsheets. */
export function auditCsvLine(entry: AuditRecord): string {
  const cells = [
    ...[entry.sequence, isoTime(entry.at), entry.action, entry.outcome, entry.reason, entry.siteName],
    ...[entry.userId, entry.userName, entry.keyId, entry.keyName, entry.door, entry.address],
    ...[entry.subject, entry.target, entry.writer, entry.number, entry.hash.toString('hex')],
  ]
  return `${cells.map(csvCell).join(',')}\r\n`
}

// A spreadsheet would run what starts like a formula, and anybody may choose the name of a file.
function csvCell(value: string | number | null): string {
  const text = String(value ?? '')
  const plain = /^[=+@\t\r-]/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain
}

function named(id: string | null, name: string | null): { id: string; name: string } | null {
  return id === null ? null : { id, name: name ?? '' }
}
