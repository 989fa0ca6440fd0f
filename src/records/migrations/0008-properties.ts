import type { Kysely } from 'kysely'
import type { ColumnKinds } from '../engine.ts'
import type { Database } from '../schema.ts'

/** Dead WebDAV properties, and the versions of files whose modification time was set. */
export async function createPropertyTables(
  { schema }: Kysely<Database>,
  { text, whole }: ColumnKinds,
): Promise<void> {
  await schema
    .createTable('dead_properties')
    .addColumn('mount_id', text, (c) => c.notNull())
    .addColumn('path', text, (c) => c.notNull())
    .addColumn('uri', text, (c) => c.notNull())
    .addColumn('local', text, (c) => c.notNull())
    .addColumn('xml', text, (c) => c.notNull())
    .addPrimaryKeyConstraint('dead_properties_key', ['mount_id', 'path', 'uri', 'local'])
    .execute()
  await schema
    .createTable('kept_versions')
    .addColumn('mount_id', text, (c) => c.notNull())
    .addColumn('ino', text, (c) => c.notNull())
    .addColumn('created', text, (c) => c.notNull())
    .addColumn('size', whole, (c) => c.notNull())
    .addColumn('mtime_ns', text, (c) => c.notNull())
    .addColumn('kept_mtime_ns', text, (c) => c.notNull())
    .addPrimaryKeyConstraint('kept_versions_key', ['mount_id', 'ino'])
    .execute()
}
