import type { Kysely } from 'kysely'
import type { ColumnKinds } from '../engine.ts'
import type { Database } from '../schema.ts'

/** Locks, object metadata, multipart uploads. */
export async function createFileTables(db: Kysely<Database>, kinds: ColumnKinds): Promise<void> {
  await createLocks(db, kinds)
  await createMetadata(db, kinds)
  await createUploads(db, kinds)
}

async function createLocks({ schema }: Kysely<Database>, { text, whole }: ColumnKinds): Promise<void> {
  await schema
    .createTable('locks')
    .addColumn('site_id', text, (c) => c.notNull())
    .addColumn('token', text, (c) => c.notNull())
    .addColumn('path', text, (c) => c.notNull())
    .addColumn('reach', text, (c) => c.notNull())
    .addColumn('scope', text, (c) => c.notNull())
    .addColumn('holder', text, (c) => c.notNull())
    .addColumn('owner', text, (c) => c.notNull())
    .addColumn('expires_at', whole, (c) => c.notNull())
    .addPrimaryKeyConstraint('locks_key', ['site_id', 'token'])
    .execute()
  await schema.createIndex('locks_by_path').on('locks').columns(['site_id', 'path']).execute()
  await schema.createIndex('locks_by_end').on('locks').column('expires_at').execute()
}

async function createMetadata({ schema }: Kysely<Database>, { text, whole }: ColumnKinds): Promise<void> {
  await schema
    .createTable('metadata')
    .addColumn('mount_id', text, (c) => c.notNull())
    .addColumn('path', text, (c) => c.notNull())
    .addColumn('ino', text, (c) => c.notNull())
    .addColumn('size', whole, (c) => c.notNull())
    .addColumn('mtime_ns', text, (c) => c.notNull())
    .addColumn('content', text, (c) => c.notNull())
    .addPrimaryKeyConstraint('metadata_key', ['mount_id', 'path', 'ino'])
    .execute()
  await schema.createIndex('metadata_by_ino').on('metadata').columns(['mount_id', 'ino']).execute()
}

async function createUploads({ schema }: Kysely<Database>, { text, whole }: ColumnKinds): Promise<void> {
  await schema
    .createTable('uploads')
    .addColumn('id', text, (c) => c.primaryKey())
    .addColumn('site_id', text, (c) => c.notNull())
    .addColumn('path', text, (c) => c.notNull())
    .addColumn('started_at', whole, (c) => c.notNull())
    .addColumn('metadata', text, (c) => c.notNull())
    .addColumn('checksum', text)
    .execute()
  await schema
    .createIndex('uploads_by_path')
    .on('uploads')
    .columns(['site_id', 'path', 'started_at', 'id'])
    .execute()
  await schema
    .createTable('upload_parts')
    .addColumn('upload_id', text, (c) => c.notNull().references('uploads.id').onDelete('cascade'))
    .addColumn('number', whole, (c) => c.notNull())
    .addColumn('size', whole, (c) => c.notNull())
    .addColumn('etag', text, (c) => c.notNull())
    .addColumn('checksums', text, (c) => c.notNull())
    .addColumn('modified', whole, (c) => c.notNull())
    .addPrimaryKeyConstraint('upload_parts_key', ['upload_id', 'number'])
    .execute()
}
