import { type Kysely, type RawBuilder, type SqlBool, sql } from 'kysely'
import type { AuditFilter, AuditPage, AuditPlace, AuditRecord } from '#audit/ports.ts'
import { ROOT, type VirtualPath } from '#permissions/path.ts'
import { auditRecordOf } from './audit-rows.ts'
import { bounds } from './paths.ts'
import type { Database } from './schema.ts'

/** One page of what the filter finds, by time and sequence. */
export async function searchAudit(
  db: Kysely<Database>,
  filter: AuditFilter,
  { limit, after, order }: AuditPage,
): Promise<readonly AuditRecord[]> {
  const direction = order === 'newest' ? 'desc' : 'asc'
  const conditions = [...(await who(db, filter)), ...what(filter)]
  if (after !== null) conditions.push(beyond(after, order))
  const page = db
    .selectFrom('audit')
    .selectAll()
    .where((eb) => eb.and(conditions))
    .orderBy('at', direction)
    .orderBy('sequence', direction)
    .limit(limit)
  return (await page.execute()).map(auditRecordOf)
}

async function who(db: Kysely<Database>, filter: AuditFilter): Promise<RawBuilder<SqlBool>[]> {
  const conditions: RawBuilder<SqlBool>[] = []
  if (filter.key !== undefined) conditions.push(await named(db, 'key', filter.key, filter.siteId))
  if (filter.user !== undefined) conditions.push(await named(db, 'user', filter.user, filter.siteId))
  return conditions
}

/**
 * The one of this id; else those that have the name now, with what they did under other names; else what
 * was done under the name. Only the last reads more than it looks for.
 */
async function named(
  db: Kysely<Database>,
  kind: 'key' | 'user',
  text: string,
  siteId: string | null,
): Promise<RawBuilder<SqlBool>> {
  const idColumn = sql.ref(`${kind}_id`)
  const known = db.selectFrom('audit').select('sequence').where(sql<SqlBool>`${idColumn} = ${text}`).limit(1)
  if ((await known.executeTakeFirst()) !== undefined) return sql<SqlBool>`${idColumn} = ${text}`
  const holders = await db
    .selectFrom(kind === 'key' ? 'keys' : 'users')
    .select('id')
    .where('name', '=', text)
    .$if(siteId !== null, (query) => query.where('site_id', '=', siteId ?? ''))
    .execute()
  if (holders.length === 0) return sql<SqlBool>`${sql.ref(`${kind}_name`)} = ${text}`
  return sql<SqlBool>`${idColumn} in (${sql.join(holders.map(({ id }) => id))})`
}

function what(filter: AuditFilter): RawBuilder<SqlBool>[] {
  const { siteId, path, door, address, outcome, action, from, until } = filter
  const conditions: RawBuilder<SqlBool>[] = []
  const require = (condition: RawBuilder<SqlBool>) => conditions.push(condition)
  if (path !== undefined) require(about(path, siteId))
  if (siteId !== null && (path === undefined || path === ROOT)) require(sql<SqlBool>`site_id = ${siteId}`)
  if (door !== undefined) require(sql<SqlBool>`door = ${door}`)
  if (address !== undefined) require(sql<SqlBool>`address = ${address}`)
  if (outcome !== undefined) require(sql<SqlBool>`outcome = ${outcome}`)
  if (action !== undefined) require(sql<SqlBool>`action = ${action}`)
  if (from !== undefined) require(sql<SqlBool>`at >= ${from}`)
  if (until !== undefined) require(sql<SqlBool>`at < ${until}`)
  return conditions
}

/**
 * Entries about a path or one below it, at either end of a move or copy, whose subject is `from → to`. In a site
 * they are looked up by themselves: beside a time, SQLite would read all of the site's entries. In all sites
 * they are met on the way through time.
 */
function about(path: VirtualPath, siteId: string | null): RawBuilder<SqlBool> {
  if (path === ROOT) return sql<SqlBool>`substr(subject, 1, 1) = '/'`
  const { low, high } = bounds(path)
  const parts = [
    sql`subject = ${path}`,
    sql`subject > ${low} and subject < ${high}`,
    sql`subject > ${`${path} → `} and subject < ${`${path} →!`}`,
    sql`target = ${path}`,
    sql`target > ${low} and target < ${high}`,
  ]
  if (siteId === null) return sql<SqlBool>`(${sql.join(parts, sql` or `)})`
  const found = parts.map((part) => sql`select sequence from audit where site_id = ${siteId} and ${part}`)
  return sql<SqlBool>`sequence in (${sql.join(found, sql` union all `)})`
}

function beyond({ at, sequence }: AuditPlace, order: AuditPage['order']): RawBuilder<SqlBool> {
  const place = sql`(cast(${at} as bigint), cast(${sequence} as bigint))`
  return order === 'newest'
    ? sql<SqlBool>`(at, sequence) < ${place}`
    : sql<SqlBool>`(at, sequence) > ${place}`
}
