import type { Kysely } from 'kysely'
import type { Database } from '../schema.ts'

/** Abandoned multipart uploads are found by when they were started. */
export async function indexUploadsByStart({ schema }: Kysely<Database>): Promise<void> {
  await schema.createIndex('uploads_by_start').on('uploads').column('started_at').execute()
}
