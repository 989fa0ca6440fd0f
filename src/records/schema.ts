import type { Generated } from 'kysely'
import type { AuditAction, AuditEntry } from '#audit/ports.ts'
import type { Change, KeyType } from '#credentials/ports.ts'
import type { Lock } from '#files/locks.ts'
import type { MountRecord } from '#files/ports.ts'
import type { Role } from '#permissions/principal.ts'

/*
 * Conventions of all tables: times are integer milliseconds, flags are 0 or 1, `Json` columns hold JSON as
 * text, and 64-bit numbers of a file system (inode, nanoseconds) are decimal text, because neither SQLite's
 * signed integers nor JavaScript's numbers hold all of them. Text compares by its UTF-8 bytes.
 */

export type Flag = 0 | 1
export type Json = string

export type SiteTable = {
  id: string
  name: string
  parent_id: string | null
  enabled: Flag
  conditions: Json
  settings: Json
  created_at: number
}

/** Lower case; a host name leads to one site only. */
export type SiteHostTable = { host: string; site_id: string; position: number }

export type UserTable = {
  id: string
  site_id: string
  name: string
  role: Role
  enabled: Flag
  expires_at: number | null
  conditions: Json
  password_hash: string | null
  created_at: number
}

export type GroupTable = { id: string; site_id: string; name: string; created_at: number }
export type GroupMemberTable = { group_id: string; user_id: string }

/** Of a user or of a group: one of the two is null. */
export type GrantTable = {
  id: string
  site_id: string
  user_id: string | null
  group_id: string | null
  path: string
  recursive: Flag
  rights: number
}

/** `user_id` has no foreign key: a key outlives its user as a row that opens nothing. */
export type KeyTable = {
  id: string
  site_id: string
  user_id: string | null
  type: KeyType
  name: string
  description: string
  scopes: number
  base_path: string
  storages: Json | null
  conditions: Json
  enabled: Flag
  expires_at: number | null
  created_at: number
}

export type KeyValueTable = {
  id: string
  key_id: string
  digest: Buffer
  masked: string
  created_at: number
  stops_at: number | null
  last_used_at: number | null
  last_used_address: string | null
  last_used_door: string | null
  last_used_client: string | null
}

export type AccessKeyPairTable = { access_key_id: string; key_id: string; version: number; sealed: Buffer }

export type MountTable = {
  id: string
  site_id: string
  path: string
  type: MountRecord['type']
  settings: Json
  read_only: Flag
}

export type ChangeTable = {
  sequence: Generated<number>
  at: number
  kind: Change['kind']
  site_id: string
  key_id: string | null
  user_id: string | null
}

/** Append-only, with the names of the time and without foreign keys, so that it survives deletions. */
export type AuditTable = {
  sequence: Generated<number>
  at: number
  action: AuditAction
  outcome: AuditEntry['outcome']
  reason: string
  site_id: string | null
  user_id: string | null
  user_name: string | null
  key_id: string | null
  key_name: string | null
  door: AuditEntry['door']
  address: string | null
  subject: string
}

export type LockTable = {
  token: string
  site_id: string
  path: string
  reach: Lock['reach']
  scope: Lock['scope']
  holder: string
  owner: string
  expires_at: number
}

/** One row for each file version; `content` is the whole Metadata. */
export type MetadataTable = {
  mount_id: string
  path: string
  ino: string
  size: number
  mtime_ns: string
  content: Json
}

export type UploadTable = {
  id: string
  site_id: string
  path: string
  started_at: number
  metadata: Json
  checksum: Json | null
}

export type UploadPartTable = {
  upload_id: string
  number: number
  size: number
  etag: string
  checksums: Json
  modified: number
}

export type TicketTable = { digest: Buffer; site_id: string; user_id: string; expires_at: number }
export type SecretTable = { name: string; sealed: Buffer }
export type MigrationTable = { name: string; applied_at: number }

/** All tables, as Kysely sees them. */
export type Database = {
  sites: SiteTable
  site_hosts: SiteHostTable
  users: UserTable
  groups: GroupTable
  group_members: GroupMemberTable
  grants: GrantTable
  keys: KeyTable
  key_values: KeyValueTable
  access_key_pairs: AccessKeyPairTable
  mounts: MountTable
  changes: ChangeTable
  audit: AuditTable
  locks: LockTable
  metadata: MetadataTable
  uploads: UploadTable
  upload_parts: UploadPartTable
  tickets: TicketTable
  secrets: SecretTable
  migrations: MigrationTable
}
