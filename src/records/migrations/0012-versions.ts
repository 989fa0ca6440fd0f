import type { Kysely } from 'kysely'
import type { ColumnKinds } from '../engine.ts'
import type { Database } from '../schema.ts'

/** Counts changes of records, says who disabled a key, and remembers what was answered to creations. */
export async function createVersions(
  db: Kysely<Database>,
  { text, whole, bytes }: ColumnKinds,
): Promise<void> {
  const { schema } = db
  for (const table of ['sites', 'users', 'groups', 'mounts', 'keys'] as const) {
    await schema
      .alterTable(table)
      .addColumn('version', whole, (c) => c.notNull().defaultTo(1))
      .execute()
  }
  await schema.alterTable('keys').addColumn('disabled_by', text).execute()
  // Nobody knows any more: the stricter of the two.
  await db.updateTable('keys').set({ disabled_by: 'administrator' }).where('enabled', '=', 0).execute()
  await schema
    .createTable('answers')
    .addColumn('name', text, (c) => c.primaryKey())
    .addColumn('fingerprint', text, (c) => c.notNull())
    .addColumn('started_at', whole, (c) => c.notNull())
    .addColumn('location', text)
    .addColumn('status', whole)
    .addColumn('sealed', bytes)
    .execute()
  await schema.createIndex('answers_by_start').on('answers').column('started_at').execute()
}
