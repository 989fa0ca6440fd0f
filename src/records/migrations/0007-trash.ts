import type { Kysely } from 'kysely'
import type { ColumnKinds } from '../engine.ts'
import type { Database } from '../schema.ts'

/** Who deleted what, for as long as it can be restored. */
export async function createTrashTable(
  { schema }: Kysely<Database>,
  { text, whole }: ColumnKinds,
): Promise<void> {
  await schema
    .createTable('trash')
    .addColumn('id', text, (c) => c.primaryKey())
    .addColumn('mount_id', text, (c) => c.notNull().references('mounts.id').onDelete('cascade'))
    .addColumn('path', text, (c) => c.notNull())
    .addColumn('kind', text, (c) => c.notNull())
    .addColumn('size', whole, (c) => c.notNull())
    .addColumn('deleted_at', whole, (c) => c.notNull())
    .addColumn('user_id', text)
    .addColumn('user_name', text)
    .addColumn('key_id', text)
    .addColumn('key_name', text)
    .execute()
  await schema.createIndex('trash_by_mount').on('trash').columns(['mount_id', 'id']).execute()
  await schema.createIndex('trash_by_path').on('trash').columns(['mount_id', 'path']).execute()
  await schema.createIndex('trash_by_age').on('trash').columns(['mount_id', 'deleted_at']).execute()
}
