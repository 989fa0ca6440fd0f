import type { Kysely } from 'kysely'
import type { ColumnKinds } from '../engine.ts'
import type { Database } from '../schema.ts'

/** Change feed, audit, named secrets. */
export async function createJournalTables(
  { schema }: Kysely<Database>,
  { text, whole, bytes, sequence }: ColumnKinds,
): Promise<void> {
  await schema
    .createTable('changes')
    .addColumn('sequence', sequence)
    .addColumn('at', whole, (c) => c.notNull())
    .addColumn('kind', text, (c) => c.notNull())
    .addColumn('site_id', text, (c) => c.notNull())
    .addColumn('key_id', text)
    .addColumn('user_id', text)
    .addColumn('session_id', text)
    .execute()
  await schema
    .createTable('audit')
    .addColumn('sequence', sequence)
    .addColumn('at', whole, (c) => c.notNull())
    .addColumn('action', text, (c) => c.notNull())
    .addColumn('outcome', text, (c) => c.notNull())
    .addColumn('reason', text, (c) => c.notNull())
    .addColumn('site_id', text)
    .addColumn('site_name', text)
    .addColumn('user_id', text)
    .addColumn('user_name', text)
    .addColumn('key_id', text)
    .addColumn('key_name', text)
    .addColumn('door', text)
    .addColumn('address', text)
    .addColumn('subject', text, (c) => c.notNull())
    .addColumn('target', text)
    .addColumn('writer', text, (c) => c.notNull())
    .addColumn('number', whole, (c) => c.notNull())
    .addColumn('previous', bytes, (c) => c.notNull())
    .addColumn('hash', bytes, (c) => c.notNull())
    .execute()
  await schema
    .createTable('secrets')
    .addColumn('name', text, (c) => c.primaryKey())
    .addColumn('sealed', bytes, (c) => c.notNull())
    .execute()
}
