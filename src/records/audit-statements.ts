import { type Kysely, type Selectable, sql } from 'kysely'
import { fixed, fixedList } from './fixed.ts'
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
const TOGETHER = [16, 4, 1]

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
  const inserts = TOGETHER.map((count) => ({ count, insert: insertOf(db, count) }))
  return async (trx, rows) => {
    let done = 0
    for (const { count, insert } of inserts) {
      for (; rows.length - done >= count; done += count)
        await insert(trx, valuesOf(rows.slice(done, done + count)))
    }
  }
}

function insertOf(db: Kysely<Database>, count: number) {
  return fixedList(count * COLUMNS.length, (value) => {
    const rows = Array.from({ length: count }, (_, row) => {
      const values = COLUMNS.map((_column, at) => value(row * COLUMNS.length + at))
      return sql`(${sql.join(values)})`
    })
    return db
      .insertInto('audit')
      .columns([...COLUMNS])
      .expression(sql`values ${sql.join(rows)}`)
  })
}

function valuesOf(rows: readonly Row[]): readonly unknown[] {
  return rows.flatMap((row) => COLUMNS.map((column) => row[column]))
}
