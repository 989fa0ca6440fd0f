import { type Kysely, type SqlBool, sql } from 'kysely'
import type { ChainPlace, ChainReader } from '#audit/ports.ts'
import { auditRecordOf, headOf } from './audit-rows.ts'
import type { Database } from './schema.ts'

/** Reads the audit's chains for who checks them. */
export function chainReader(db: Kysely<Database>): ChainReader {
  const heads = () => db.selectFrom('audit_heads').selectAll()
  return {
    root: async () => {
      const row = await db.selectFrom('audit_root').selectAll().where('id', '=', 1).executeTakeFirst()
      return row ?? null
    },
    heads: async (after, limit) => {
      const page = heads().where('ordinal', '>', after).orderBy('ordinal').limit(limit)
      return (await page.execute()).map(headOf)
    },
    headsOf: async (writers) => {
      if (writers.length === 0) return []
      return (await heads().where('writer', 'in', writers).execute()).map(headOf)
    },
    entries: async (after, limit) => {
      const { writer = '', number = 0 } = after ?? {}
      const page = db
        .selectFrom('audit')
        .selectAll()
        .where(sql<SqlBool>`(writer, number) > (${writer}, cast(${number} as bigint))`)
        .orderBy('writer')
        .orderBy('number')
        .limit(limit)
      return (await page.execute()).map(auditRecordOf)
    },
    hashesAt: (places) => hashesAt(db, places),
  }
}

/** Those of the places that hold an entry. */
export async function hashesAt(db: Kysely<Database>, places: readonly ChainPlace[]) {
  if (places.length === 0) return []
  const list = sql.join(places.map(({ writer, number }) => sql`(${writer}, cast(${number} as bigint))`))
  return db
    .selectFrom('audit')
    .select(['writer', 'number', 'hash', 'sequence'])
    .where(sql<SqlBool>`(writer, number) in (values ${list})`)
    .execute()
}
