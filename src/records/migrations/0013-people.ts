import type { Kysely } from 'kysely'
import type { ColumnKinds } from '../engine.ts'
import type { Database } from '../schema.ts'

/** Second factors and logins in browsers. */
export async function createPeopleTables(
  { schema }: Kysely<Database>,
  { text, whole, bytes }: ColumnKinds,
): Promise<void> {
  await schema
    .createTable('second_factors')
    .addColumn('user_id', text, (c) => c.primaryKey().references('users.id').onDelete('cascade'))
    .addColumn('sealed', bytes, (c) => c.notNull())
    .addColumn('created_at', whole, (c) => c.notNull())
    .addColumn('confirmed_at', whole)
    .addColumn('last_step', whole, (c) => c.notNull())
    .execute()
  await schema
    .createTable('recovery_codes')
    .addColumn('user_id', text, (c) => c.notNull().references('users.id').onDelete('cascade'))
    .addColumn('digest', bytes, (c) => c.notNull())
    .addPrimaryKeyConstraint('recovery_codes_key', ['user_id', 'digest'])
    .execute()
  await schema
    .createTable('browsers')
    .addColumn('id', text, (c) => c.primaryKey())
    .addColumn('digest', bytes, (c) => c.notNull().unique())
    .addColumn('previous', bytes, (c) => c.unique())
    .addColumn('site_id', text, (c) => c.notNull().references('sites.id').onDelete('cascade'))
    .addColumn('user_id', text, (c) => c.notNull().references('users.id').onDelete('cascade'))
    .addColumn('stage', text, (c) => c.notNull())
    .addColumn('address', text, (c) => c.notNull())
    .addColumn('client', text, (c) => c.notNull())
    .addColumn('created_at', whole, (c) => c.notNull())
    .addColumn('seen_at', whole, (c) => c.notNull())
    .addColumn('rotated_at', whole, (c) => c.notNull())
    .addColumn('tries', whole, (c) => c.notNull())
    .execute()
  await schema.createIndex('browsers_by_user').on('browsers').columns(['user_id', 'created_at']).execute()
  await schema.createIndex('browsers_by_site').on('browsers').columns(['site_id', 'seen_at']).execute()
  await schema.createIndex('browsers_by_time').on('browsers').column('seen_at').execute()
}
