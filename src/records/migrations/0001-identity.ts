import type { Kysely } from 'kysely'
import type { ColumnKinds } from '../engine.ts'
import type { Database } from '../schema.ts'

/** Sites, users, groups, grants, keys, mounts, tickets. */
export async function createIdentityTables(db: Kysely<Database>, kinds: ColumnKinds): Promise<void> {
  await createSites(db, kinds)
  await createUsers(db, kinds)
  await createGrants(db, kinds)
  await createKeys(db, kinds)
  await createTickets(db, kinds)
}

async function createSites({ schema }: Kysely<Database>, { text, whole }: ColumnKinds): Promise<void> {
  await schema
    .createTable('sites')
    .addColumn('id', text, (c) => c.primaryKey())
    .addColumn('name', text, (c) => c.notNull().unique())
    .addColumn('parent_id', text, (c) => c.references('sites.id'))
    .addColumn('enabled', whole, (c) => c.notNull())
    .addColumn('conditions', text, (c) => c.notNull())
    .addColumn('settings', text, (c) => c.notNull())
    .addColumn('created_at', whole, (c) => c.notNull())
    .execute()
  await schema.createIndex('sites_by_parent').on('sites').column('parent_id').execute()
  await schema
    .createTable('site_hosts')
    .addColumn('host', text, (c) => c.primaryKey())
    .addColumn('site_id', text, (c) => c.notNull().references('sites.id').onDelete('cascade'))
    .addColumn('position', whole, (c) => c.notNull())
    .execute()
  await schema.createIndex('site_hosts_by_site').on('site_hosts').column('site_id').execute()
  await schema
    .createTable('mounts')
    .addColumn('id', text, (c) => c.primaryKey())
    .addColumn('site_id', text, (c) => c.notNull().references('sites.id').onDelete('cascade'))
    .addColumn('path', text, (c) => c.notNull())
    .addColumn('type', text, (c) => c.notNull())
    .addColumn('settings', text, (c) => c.notNull())
    .addColumn('read_only', whole, (c) => c.notNull())
    .addUniqueConstraint('mounts_by_path', ['site_id', 'path'])
    .execute()
}

async function createUsers({ schema }: Kysely<Database>, { text, whole }: ColumnKinds): Promise<void> {
  await schema
    .createTable('users')
    .addColumn('id', text, (c) => c.primaryKey())
    .addColumn('site_id', text, (c) => c.notNull().references('sites.id').onDelete('cascade'))
    .addColumn('name', text, (c) => c.notNull())
    .addColumn('role', text, (c) => c.notNull())
    .addColumn('enabled', whole, (c) => c.notNull())
    .addColumn('expires_at', whole)
    .addColumn('conditions', text, (c) => c.notNull())
    .addColumn('password_hash', text)
    .addColumn('email', text)
    .addColumn('home_folder', text, (c) => c.notNull())
    .addColumn('created_at', whole, (c) => c.notNull())
    .addUniqueConstraint('users_by_name', ['site_id', 'name'])
    .execute()
  await schema.createIndex('users_named').on('users').column('name').execute()
  await schema
    .createTable('groups')
    .addColumn('id', text, (c) => c.primaryKey())
    .addColumn('site_id', text, (c) => c.notNull().references('sites.id').onDelete('cascade'))
    .addColumn('name', text, (c) => c.notNull())
    .addColumn('created_at', whole, (c) => c.notNull())
    .addUniqueConstraint('groups_by_name', ['site_id', 'name'])
    .execute()
  await schema
    .createTable('group_members')
    .addColumn('user_id', text, (c) => c.notNull().references('users.id').onDelete('cascade'))
    .addColumn('group_id', text, (c) => c.notNull().references('groups.id').onDelete('cascade'))
    .addPrimaryKeyConstraint('group_members_key', ['user_id', 'group_id'])
    .execute()
  await schema.createIndex('group_members_by_group').on('group_members').column('group_id').execute()
}

async function createGrants({ schema }: Kysely<Database>, { text, whole }: ColumnKinds): Promise<void> {
  await schema
    .createTable('grants')
    .addColumn('id', text, (c) => c.primaryKey())
    .addColumn('site_id', text, (c) => c.notNull().references('sites.id').onDelete('cascade'))
    .addColumn('user_id', text, (c) => c.references('users.id').onDelete('cascade'))
    .addColumn('group_id', text, (c) => c.references('groups.id').onDelete('cascade'))
    .addColumn('path', text, (c) => c.notNull())
    .addColumn('recursive', whole, (c) => c.notNull())
    .addColumn('rights', whole, (c) => c.notNull())
    .execute()
  await schema.createIndex('grants_by_user').on('grants').column('user_id').execute()
  await schema.createIndex('grants_by_group').on('grants').column('group_id').execute()
  await schema.createIndex('grants_by_site').on('grants').columns(['site_id', 'path']).execute()
}

async function createKeys({ schema }: Kysely<Database>, { text, whole, bytes }: ColumnKinds): Promise<void> {
  await schema
    .createTable('keys')
    .addColumn('id', text, (c) => c.primaryKey())
    .addColumn('site_id', text, (c) => c.notNull().references('sites.id').onDelete('cascade'))
    .addColumn('user_id', text)
    .addColumn('type', text, (c) => c.notNull())
    .addColumn('name', text, (c) => c.notNull())
    .addColumn('description', text, (c) => c.notNull())
    .addColumn('scopes', whole, (c) => c.notNull())
    .addColumn('base_path', text, (c) => c.notNull())
    .addColumn('storages', text)
    .addColumn('conditions', text, (c) => c.notNull())
    .addColumn('enabled', whole, (c) => c.notNull())
    .addColumn('expires_at', whole)
    .addColumn('created_at', whole, (c) => c.notNull())
    .addUniqueConstraint('keys_by_site', ['site_id', 'name'])
    .execute()
  await schema.createIndex('keys_by_name').on('keys').column('name').execute()
  await schema.createIndex('keys_by_age').on('keys').columns(['site_id', 'created_at', 'id']).execute()
  await schema.createIndex('keys_by_expiry').on('keys').columns(['site_id', 'expires_at']).execute()
  await schema.createIndex('keys_by_user').on('keys').columns(['user_id', 'created_at', 'id']).execute()
  await schema
    .createTable('key_values')
    .addColumn('id', text, (c) => c.primaryKey())
    .addColumn('key_id', text, (c) => c.notNull().references('keys.id').onDelete('cascade'))
    .addColumn('digest', bytes)
    .addColumn('hash', text)
    .addColumn('bucket', whole)
    .addColumn('masked', text, (c) => c.notNull())
    .addColumn('created_at', whole, (c) => c.notNull())
    .addColumn('stops_at', whole)
    .addColumn('last_used_at', whole)
    .addColumn('last_used_address', text)
    .addColumn('last_used_door', text)
    .addColumn('last_used_client', text)
    .execute()
  await schema.createIndex('key_values_by_key').on('key_values').column('key_id').execute()
  await schema
    .createIndex('key_values_by_bucket')
    .on('key_values')
    .column('bucket')
    .where('bucket', 'is not', null)
    .execute()
  await schema
    .createTable('access_key_pairs')
    .addColumn('access_key_id', text, (c) => c.primaryKey())
    .addColumn('key_id', text, (c) => c.notNull().unique().references('keys.id').onDelete('cascade'))
    .addColumn('version', whole, (c) => c.notNull())
    .addColumn('sealed', bytes, (c) => c.notNull())
    .addColumn('last_used_at', whole)
    .addColumn('last_used_address', text)
    .addColumn('last_used_door', text)
    .addColumn('last_used_client', text)
    .execute()
}

async function createTickets(
  { schema }: Kysely<Database>,
  { text, whole, bytes }: ColumnKinds,
): Promise<void> {
  await schema
    .createTable('tickets')
    .addColumn('digest', bytes, (c) => c.primaryKey())
    .addColumn('site_id', text, (c) => c.notNull())
    .addColumn('user_id', text, (c) => c.notNull().references('users.id').onDelete('cascade'))
    .addColumn('expires_at', whole, (c) => c.notNull())
    .execute()
}
