import type { Kysely } from 'kysely'
import type { ColumnKinds } from '../engine.ts'
import type { Database } from '../schema.ts'

/** Uploads whose connection was lost. Of a key or of a user without one: one of the two is null. */
export async function createLostUploadTable(
  { schema }: Kysely<Database>,
  { text, whole }: ColumnKinds,
): Promise<void> {
  await schema
    .createTable('lost_uploads')
    .addColumn('id', text, (c) => c.primaryKey())
    .addColumn('site_id', text, (c) => c.notNull().references('sites.id').onDelete('cascade'))
    .addColumn('mount_id', text, (c) => c.notNull().references('mounts.id').onDelete('cascade'))
    .addColumn('path', text, (c) => c.notNull())
    .addColumn('key_id', text)
    .addColumn('user_id', text)
    .addColumn('size', whole, (c) => c.notNull())
    .addColumn('lost_at', whole, (c) => c.notNull())
    .addColumn('base', text)
    .addColumn('edits', whole, (c) => c.notNull())
    .execute()
  await schema.createIndex('lost_uploads_by_key').on('lost_uploads').columns(['key_id', 'site_id']).execute()
  await schema
    .createIndex('lost_uploads_by_user')
    .on('lost_uploads')
    .columns(['user_id', 'site_id'])
    .execute()
  await schema.createIndex('lost_uploads_by_mount').on('lost_uploads').columns(['mount_id']).execute()
}
