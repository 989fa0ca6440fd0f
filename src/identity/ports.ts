import type { AuditEntry } from '#audit/ports.ts'
import type {
  AccessKeyPairRecord,
  KeyRecord,
  KeyValueRecord,
  SiteRecord,
  UserRecord,
} from '#credentials/ports.ts'
import type { MountRecord } from '#files/ports.ts'
import type { Grant } from '#permissions/grants.ts'

export type SiteSettings = {
  /** Milliseconds; null for never. */
  readonly defaultKeyLifetime: number | null
  readonly allowNeverExpire: boolean
  readonly maxKeyLifetime: number | null
  readonly newKeysStartDisabled: boolean
  readonly usersMayCreateKeys: boolean
  readonly allowChosenValues: boolean
}

export type SiteDetails = SiteRecord & {
  readonly parentId: string | null
  readonly hosts: readonly string[]
  readonly settings: SiteSettings
  readonly createdAt: number
}

export type UserDetails = UserRecord & { readonly createdAt: number }

export type GrantDetails = Grant & { readonly id: string; readonly userId: string; readonly siteId: string }

/** A value's masked form (`lk_1a2b3c4d_…9xQ4`), and when it was made and last used. */
export type KeyValueDetails = {
  readonly id: string
  readonly masked: string
  readonly createdAt: number
  readonly stopsAt: number | null
  readonly lastUsedAt: number | null
}

/** A key as lists show it: never its value. */
export type KeyDetails = KeyRecord & {
  readonly userName: string | null
  readonly siteName: string
  readonly accessKeyId: string | null
  readonly values: readonly KeyValueDetails[]
}

export type NewKey = {
  readonly key: KeyRecord
  readonly value: KeyValueRecord & { readonly masked: string }
  readonly pair: AccessKeyPairRecord | null
}

export type KeyPatch = Partial<
  Pick<
    KeyRecord,
    'name' | 'description' | 'scopes' | 'basePath' | 'storages' | 'conditions' | 'enabled' | 'expiresAt'
  >
>

/**
 * Writes identities. Each method that changes something runs in one transaction together with its change
 * feed row and its audit entry, and resolves when that is durable. Names are compared as they are.
 * Faults: exists (a name is taken), not_found.
 */
export type IdentityStore = {
  sites(): Promise<readonly SiteDetails[]>
  siteByName(name: string): Promise<SiteDetails | null>
  siteById(id: string): Promise<SiteDetails | null>
  addSite(site: SiteDetails, mount: MountRecord, audit: AuditEntry): Promise<void>

  users(siteId: string): Promise<readonly UserDetails[]>
  userByName(siteId: string, name: string): Promise<UserDetails | null>
  userById(siteId: string, id: string): Promise<UserDetails | null>
  addUser(user: UserDetails, grants: readonly GrantDetails[], audit: AuditEntry): Promise<void>
  setUserEnabled(siteId: string, id: string, enabled: boolean, audit: AuditEntry): Promise<void>
  setPassword(siteId: string, userId: string, hash: string, audit: AuditEntry): Promise<void>

  grants(siteId: string): Promise<readonly (GrantDetails & { readonly userName: string })[]>
  addGrant(grant: GrantDetails, audit: AuditEntry): Promise<void>
  removeGrant(siteId: string, id: string, audit: AuditEntry): Promise<void>

  keys(siteId: string, filter?: { readonly userId?: string }): Promise<readonly KeyDetails[]>
  keyById(siteId: string, id: string): Promise<KeyDetails | null>
  /** Ids equal names in a login, so neither may shadow the other. */
  keyByName(siteId: string, name: string): Promise<KeyDetails | null>
  addKey(key: NewKey, audit: AuditEntry): Promise<void>
  updateKey(siteId: string, id: string, patch: KeyPatch, audit: AuditEntry): Promise<void>
  deleteKey(siteId: string, id: string, audit: AuditEntry): Promise<void>

  /** One-time links: only the digest of the ticket is kept. */
  addTicket(ticket: { digest: Buffer; siteId: string; userId: string; expiresAt: number }): Promise<void>
  /** Takes the ticket away and tells whose it was; null when it is unknown, used or over. */
  takeTicket(digest: Buffer, now: number): Promise<{ siteId: string; userId: string } | null>
}
