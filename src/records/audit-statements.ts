import { type Kysely, sql } from 'kysely'
import { fixed } from './fixed.ts'
import type { Database } from './schema.ts'

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
    insert: fixed(COLUMNS, (value) =>
      db
        .insertInto('audit')
        .columns([...COLUMNS])
        .expression(sql`select ${sql.join(COLUMNS.map((name) => value(name)))}`),
    ),
  }
}
