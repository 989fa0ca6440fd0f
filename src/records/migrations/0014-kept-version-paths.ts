import type { Kysely } from 'kysely'
import type { ColumnKinds } from '../engine.ts'
import type { Database } from '../schema.ts'

/** Says where a file with a kept version is, so that rows of files that are gone can be told and removed. */
export async function addKeptVersionPaths(
  { schema }: Kysely<Database>,
  { text }: ColumnKinds,
): Promise<void> {
  await schema
    .alterTable('kept_versions')
    .addColumn('path', text, (c) => c.notNull().defaultTo(''))
    .execute()
  await schema
    .createIndex('kept_versions_by_path')
    .on('kept_versions')
    .columns(['mount_id', 'path'])
    .execute()
}
