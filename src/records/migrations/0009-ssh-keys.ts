import type { Kysely } from 'kysely'
import type { ColumnKinds } from '../engine.ts'
import type { Database } from '../schema.ts'

/** SSH public keys of users. A user may not have one twice; several users may have the same. */
export async function createSshKeyTable(
  { schema }: Kysely<Database>,
  { text, whole, bytes }: ColumnKinds,
): Promise<void> {
  await schema
    .createTable('ssh_keys')
    .addColumn('id', text, (c) => c.primaryKey())
    .addColumn('site_id', text, (c) => c.notNull())
    .addColumn('user_id', text, (c) => c.notNull().references('users.id').onDelete('cascade'))
    .addColumn('name', text, (c) => c.notNull())
    .addColumn('type', text, (c) => c.notNull())
    .addColumn('blob', bytes, (c) => c.notNull())
    .addColumn('fingerprint', text, (c) => c.notNull())
    .addColumn('created_at', whole, (c) => c.notNull())
    .addColumn('last_used_at', whole)
    .addColumn('last_used_address', text)
    .addColumn('last_used_door', text)
    .addColumn('last_used_client', text)
    .addUniqueConstraint('ssh_keys_by_fingerprint', ['user_id', 'fingerprint'])
    .addUniqueConstraint('ssh_keys_by_name', ['user_id', 'name'])
    .execute()
}
