import type { Generated } from 'kysely'
import type { AuditAction, AuditEntry, LiveSession } from '#audit/ports.ts'
import type { BrowserRecord, Change, KeyType } from '#credentials/ports.ts'
import type { Lock } from '#files/locks.ts'
import type { MountRecord, TrashRecord } from '#files/ports.ts'
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
  version: Generated<number>
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
  email: string | null
  home_folder: string
  created_at: number
  version: Generated<number>
}

/** `blob` is the public key as SSH writes it, `fingerprint` `SHA256:…` of it. */
export type SshKeyTable = {
  id: string
  site_id: string
  user_id: string
  name: string
  type: string
  blob: Buffer
  fingerprint: string
  created_at: number
  last_used_at: number | null
  last_used_address: string | null
  last_used_door: string | null
  last_used_client: string | null
}

export type GroupTable = {
  id: string
  site_id: string
  name: string
  created_at: number
  version: Generated<number>
}

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
  /** Of a key that is not enabled. */
  disabled_by: Generated<'administrator' | 'owner' | null>
  expires_at: number | null
  created_at: number
  version: Generated<number>
}

export type KeyValueTable = {
  id: string
  key_id: string
  /** Of a generated value. */
  digest: Buffer | null
  /** Of a chosen value, with the bucket by which it is found. */
  hash: string | null
  bucket: number | null
  masked: string
  created_at: number
  stops_at: number | null
  last_used_at: number | null
  last_used_address: string | null
  last_used_door: string | null
  last_used_client: string | null
}

export type AccessKeyPairTable = {
  access_key_id: string
  key_id: string
  version: number
  sealed: Buffer
  last_used_at: number | null
  last_used_address: string | null
  last_used_door: string | null
  last_used_client: string | null
}

export type MountTable = {
  id: string
  site_id: string
  path: string
  type: MountRecord['type']
  settings: Json
  read_only: Flag
  version: Generated<number>
}

/** What was answered to a creation with an idempotency key; `sealed`: the answer's body, for a short while. */
export type AnswerTable = {
  name: string
  fingerprint: string
  started_at: number
  location: string | null
  status: number | null
  sealed: Buffer | null
}

export type ChangeTable = {
  sequence: Generated<number>
  at: number
  kind: Change['kind']
  site_id: string
  key_id: string | null
  user_id: string | null
  session_id: string | null
}

/** Append-only, with the names of the time and without foreign keys, so that it survives deletions. */
export type AuditTable = {
  sequence: Generated<number>
  at: number
  action: AuditAction
  outcome: AuditEntry['outcome']
  reason: string
  site_id: string | null
  site_name: string | null
  user_id: string | null
  user_name: string | null
  key_id: string | null
  key_name: string | null
  door: AuditEntry['door']
  address: string | null
  subject: string
  target: string | null
  writer: string
  number: number
  previous: Buffer
  hash: Buffer
}

/** The end of each writer's chain; see docs/decisions/0007-audit-chain.md. */
export type AuditHeadTable = {
  writer: string
  ordinal: number
  started_at: number
  count: number
  hash: Buffer
  pruned_count: number
  pruned_hash: Buffer
  mac: Buffer
}

/** One row. */
export type AuditRootTable = { id: number; started: number; removed: number; mac: Buffer }

export type LiveProcessTable = { id: string; seen_at: number }

export type LiveSessionTable = {
  id: string
  process_id: string
  site_id: string
  kind: LiveSession['kind']
  user_id: string | null
  user_name: string | null
  key_id: string | null
  key_name: string | null
  door: LiveSession['door']
  address: string
  client: string
  started_at: number
  bytes_in: number
  bytes_out: number
  current: string | null
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

/** `xml` is the whole element, which declares what it needs. */
export type DeadPropertyTable = { mount_id: string; path: string; uri: string; local: string; xml: string }

/** `created` in milliseconds with fraction, as decimal text. */
export type KeptVersionTable = {
  mount_id: string
  ino: string
  created: string
  size: number
  mtime_ns: string
  kept_mtime_ns: string
  /** Where the file was last; empty where that is not known. */
  path: string
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

/** Ids sort by time. Names are those of the time of the deletion. */
export type TrashTable = {
  id: string
  mount_id: string
  path: string
  kind: TrashRecord['kind']
  size: number
  deleted_at: number
  user_id: string | null
  user_name: string | null
  key_id: string | null
  key_name: string | null
}

/** Of a key or of a user without one: one of the two is null. */
export type LostUploadTable = {
  id: string
  site_id: string
  mount_id: string
  path: string
  key_id: string | null
  user_id: string | null
  size: number
  lost_at: number
  base: string | null
  edits: Flag
}

/** `failures` 0: an address that proved a login. */
export type ThrottleTable = { bucket: string; failures: number; at: number }
export type TicketTable = { digest: Buffer; site_id: string; user_id: string; expires_at: number }
/** A TOTP secret; `last_step` is that of the last code that was used. */
export type SecondFactorTable = {
  user_id: string
  sealed: Buffer
  created_at: number
  confirmed_at: number | null
  last_step: number
}
export type RecoveryCodeTable = { user_id: string; digest: Buffer }

/** Logins in browsers; digests are SHA-256 of the cookie and of the one before. */
export type BrowserTable = {
  id: string
  digest: Buffer
  previous: Buffer | null
  site_id: string
  user_id: string
  stage: BrowserRecord['stage']
  address: string
  client: string
  created_at: number
  seen_at: number
  rotated_at: number
  tries: number
}

export type SecretTable = { name: string; sealed: Buffer }
export type MigrationTable = { name: string; applied_at: number }

/** All tables, as Kysely sees them. */
export type Database = {
  sites: SiteTable
  site_hosts: SiteHostTable
  users: UserTable
  ssh_keys: SshKeyTable
  groups: GroupTable
  group_members: GroupMemberTable
  grants: GrantTable
  keys: KeyTable
  key_values: KeyValueTable
  access_key_pairs: AccessKeyPairTable
  mounts: MountTable
  answers: AnswerTable
  changes: ChangeTable
  audit: AuditTable
  audit_heads: AuditHeadTable
  audit_root: AuditRootTable
  live_processes: LiveProcessTable
  live_sessions: LiveSessionTable
  locks: LockTable
  metadata: MetadataTable
  dead_properties: DeadPropertyTable
  kept_versions: KeptVersionTable
  uploads: UploadTable
  upload_parts: UploadPartTable
  throttle: ThrottleTable
  trash: TrashTable
  lost_uploads: LostUploadTable
  tickets: TicketTable
  second_factors: SecondFactorTable
  recovery_codes: RecoveryCodeTable
  browsers: BrowserTable
  secrets: SecretTable
  migrations: MigrationTable
}
