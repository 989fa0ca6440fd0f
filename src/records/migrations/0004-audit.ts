import type { Kysely } from 'kysely'
import type { ColumnKinds } from '../engine.ts'
import type { Database } from '../schema.ts'

/** Heads of the audit's chains, its indexes, and live sessions. */
export async function createAuditTables(db: Kysely<Database>, kinds: ColumnKinds): Promise<void> {
  await createHeads(db, kinds)
  await createIndexes(db)
  await createLiveSessions(db, kinds)
}

async function createHeads({ schema }: Kysely<Database>, { text, whole, bytes }: ColumnKinds): Promise<void> {
  await schema
    .createTable('audit_heads')
    .addColumn('writer', text, (c) => c.primaryKey())
    .addColumn('ordinal', whole, (c) => c.notNull().unique())
    .addColumn('started_at', whole, (c) => c.notNull())
    .addColumn('count', whole, (c) => c.notNull())
    .addColumn('hash', bytes, (c) => c.notNull())
    .addColumn('pruned_count', whole, (c) => c.notNull())
    .addColumn('pruned_hash', bytes, (c) => c.notNull())
    .addColumn('mac', bytes, (c) => c.notNull())
    .execute()
  await schema
    .createTable('audit_root')
    .addColumn('id', whole, (c) => c.primaryKey())
    .addColumn('started', whole, (c) => c.notNull())
    .addColumn('removed', whole, (c) => c.notNull())
    .addColumn('mac', bytes, (c) => c.notNull())
    .execute()
}

async function createIndexes({ schema }: Kysely<Database>): Promise<void> {
  const index = (name: string, columns: readonly string[]) =>
    schema
      .createIndex(name)
      .on('audit')
      .columns([...columns])
  await index('audit_by_chain', ['writer', 'number']).unique().execute()
  await index('audit_by_time', ['at']).execute()
  await index('audit_by_site', ['site_id', 'at']).execute()
  // More columns than the one by site, so that an engine without statistics takes these.
  await index('audit_by_key', ['key_id', 'site_id', 'at']).execute()
  await index('audit_by_user', ['user_id', 'site_id', 'at']).execute()
  await index('audit_by_address', ['address', 'site_id', 'at']).execute()
  await index('audit_by_action', ['action', 'site_id', 'at']).execute()
  await index('audit_by_subject', ['site_id', 'subject']).execute()
  await index('audit_by_target', ['site_id', 'target']).where('target', 'is not', null).execute()
}

async function createLiveSessions({ schema }: Kysely<Database>, { text, whole }: ColumnKinds): Promise<void> {
  await schema
    .createTable('live_processes')
    .addColumn('id', text, (c) => c.primaryKey())
    .addColumn('seen_at', whole, (c) => c.notNull())
    .execute()
  await schema
    .createTable('live_sessions')
    .addColumn('id', text, (c) => c.primaryKey())
    .addColumn('process_id', text, (c) => c.notNull().references('live_processes.id').onDelete('cascade'))
    .addColumn('site_id', text, (c) => c.notNull())
    .addColumn('kind', text, (c) => c.notNull())
    .addColumn('user_id', text)
    .addColumn('user_name', text)
    .addColumn('key_id', text)
    .addColumn('key_name', text)
    .addColumn('door', text, (c) => c.notNull())
    .addColumn('address', text, (c) => c.notNull())
    .addColumn('client', text, (c) => c.notNull())
    .addColumn('started_at', whole, (c) => c.notNull())
    .addColumn('bytes_in', whole, (c) => c.notNull())
    .addColumn('bytes_out', whole, (c) => c.notNull())
    .addColumn('current', text)
    .execute()
  await schema
    .createIndex('live_sessions_by_site')
    .on('live_sessions')
    .columns(['site_id', 'started_at', 'id'])
    .execute()
  await schema.createIndex('live_sessions_by_process').on('live_sessions').column('process_id').execute()
}
