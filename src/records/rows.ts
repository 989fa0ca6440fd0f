import type { Insertable } from 'kysely'
import type {
  AccessKeyPairRecord,
  KeyRecord,
  KeyValueRecord,
  SiteRecord,
  SiteSettings,
  UserRecord,
} from '#credentials/ports.ts'
import type { UserDetails } from '#identity/ports.ts'
import type { Conditions } from '#permissions/conditions.ts'
import type { Grant } from '#permissions/grants.ts'
import { parsePath } from '#permissions/path.ts'
import type {
  AccessKeyPairTable,
  Flag,
  GrantTable,
  Json,
  KeyTable,
  KeyValueTable,
  SiteTable,
  UserTable,
} from './schema.ts'

/* Rows as tables hold them, to and from the records of the ports. */

export function flag(value: boolean): Flag {
  return value ? 1 : 0
}

/** Reads what `JSON.stringify` wrote into a column; its type is that of what this folder writes there. */
export function fromJson<T>(text: Json): T {
  const value: T = JSON.parse(text)
  return value
}

export function siteOf(
  row: Pick<SiteTable, 'id' | 'name' | 'enabled' | 'conditions' | 'settings'>,
): SiteRecord {
  return {
    id: row.id,
    name: row.name,
    enabled: row.enabled === 1,
    conditions: fromJson<Conditions>(row.conditions),
    settings: settingsOf(row),
  }
}

export function settingsOf(row: Pick<SiteTable, 'settings'>): SiteSettings {
  return fromJson<SiteSettings>(row.settings)
}

export function userOf(row: Omit<UserTable, 'password_hash' | 'email' | 'created_at' | 'version'>) {
  return {
    id: row.id,
    siteId: row.site_id,
    name: row.name,
    role: row.role,
    enabled: row.enabled === 1,
    expiresAt: row.expires_at,
    conditions: fromJson<Conditions>(row.conditions),
    homeFolder: parsePath(row.home_folder),
  } satisfies UserRecord
}

export function userDetailsOf(row: Omit<UserTable, 'version'>): UserDetails {
  const { email, password_hash, created_at } = row
  return { ...userOf(row), email, hasPassword: password_hash !== null, createdAt: created_at }
}

export function keyOf(row: Omit<KeyTable, 'version' | 'disabled_by'>): KeyRecord {
  return {
    id: row.id,
    siteId: row.site_id,
    userId: row.user_id,
    type: row.type,
    name: row.name,
    description: row.description,
    scopes: row.scopes,
    basePath: parsePath(row.base_path),
    storages: row.storages === null ? null : fromJson<string[]>(row.storages),
    conditions: fromJson<Conditions>(row.conditions),
    enabled: row.enabled === 1,
    expiresAt: row.expires_at,
    createdAt: row.created_at,
  }
}

export function keyRow(key: KeyRecord): Insertable<KeyTable> {
  return {
    id: key.id,
    site_id: key.siteId,
    user_id: key.userId,
    type: key.type,
    name: key.name,
    description: key.description,
    scopes: key.scopes,
    base_path: key.basePath,
    storages: key.storages === null ? null : JSON.stringify(key.storages),
    conditions: JSON.stringify(key.conditions),
    enabled: flag(key.enabled),
    expires_at: key.expiresAt,
    created_at: key.createdAt,
  }
}

export function keyValueOf(
  row: Pick<KeyValueTable, 'id' | 'digest' | 'hash' | 'bucket' | 'stops_at'>,
): KeyValueRecord {
  return { id: row.id, digest: row.digest, hash: row.hash, bucket: row.bucket, stopsAt: row.stops_at }
}

export function pairOf(
  row: Pick<AccessKeyPairTable, 'access_key_id' | 'version' | 'sealed'>,
): AccessKeyPairRecord {
  return { accessKeyId: row.access_key_id, version: row.version, sealed: row.sealed }
}

export function grantOf(row: Pick<GrantTable, 'path' | 'recursive' | 'rights'>): Grant {
  return { path: parsePath(row.path), recursive: row.recursive === 1, rights: row.rights }
}
