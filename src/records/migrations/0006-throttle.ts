import type { Kysely } from 'kysely'
import type { ColumnKinds } from '../engine.ts'
import type { Database } from '../schema.ts'

/** Wrong guesses by all nodes. */
export async function createThrottleTable(
  { schema }: Kysely<Database>,
  { text, whole }: ColumnKinds,
): Promise<void> {
  await schema
    .createTable('throttle')
    .addColumn('bucket', text, (c) => c.primaryKey())
    .addColumn('failures', whole, (c) => c.notNull())
    .addColumn('at', whole, (c) => c.notNull())
    .execute()
  await schema.createIndex('throttle_by_time').on('throttle').column('at').execute()
}
