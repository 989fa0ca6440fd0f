import { type Kysely, type Selectable, sql } from 'kysely'
import { type FixedQuery, fixed } from './fixed.ts'
import type { AuditTable, Database } from './schema.ts'

const COLUMNS = [
  'at',
  'action',
  'outcome',
  'reason',
  'site_id',
  'site_name',
  'user_id',
  'user_name',
  'key_id',
  'key_name',
  'door',
  'address',
  'subject',
  'target',
  'writer',
  'number',
  'previous',
  'hash',
] as const

type Row = Omit<Selectable<AuditTable>, 'sequence'>

/** Rows of one statement: with fewer, most of the time of a batch goes into statements instead of rows. */
const TOGETHER = 16

/** The statements of each append, built once: a login waits for them. */
export type AuditStatements = ReturnType<typeof auditStatements>

export function auditStatements(db: Kysely<Database>) {
  return {
    /** Keeps other processes from the head until the transaction ends; gives the head. */
    holdHead: fixed(['writer'], (value) =>
      db
        .updateTable('audit_heads')
        .set({ count: sql<number>`count` })
        .where('writer', '=', value('writer'))
        .returningAll(),
    ),
    moveHead: fixed(['writer', 'count', 'hash', 'mac'], (value) =>
      db
        .updateTable('audit_heads')
        .set({ count: value<number>('count'), hash: value<Buffer>('hash'), mac: value<Buffer>('mac') })
        .where('writer', '=', value('writer')),
    ),
    /** In their order. */
    insert: inserter(db),
  }
}

function inserter(db: Kysely<Database>): (trx: Kysely<Database>, rows: readonly Row[]) => Promise<void> {
  const one = insertOf(db, 1)
  const many = insertOf(db, TOGETHER)
  return async (trx, rows) => {
    const whole = rows.length - (rows.length % TOGETHER)
    for (let at = 0; at < whole; at += TOGETHER) await many(trx, valuesOf(rows.slice(at, at + TOGETHER)))
    for (const row of rows.slice(whole)) await one(trx, valuesOf([row]))
  }
}

function insertOf(db: Kysely<Database>, count: number): FixedQuery<string, unknown> {
  const places = Array.from({ length: count }, (_, index) => COLUMNS.map((column) => `${column} ${index}`))
  return fixed(places.flat(), (value) => {
    const rows = places.map((names) => sql`(${sql.join(names.map((name) => value(name)))})`)
    return db
      .insertInto('audit')
      .columns([...COLUMNS])
      .expression(sql`values ${sql.join(rows)}`)
  })
}

function valuesOf(rows: readonly Row[]): Record<string, unknown> {
  const values: Record<string, unknown> = {}
  for (const [index, row] of rows.entries()) {
    for (const column of COLUMNS) values[`${column} ${index}`] = row[column]
  }
  return values
}
