import type { Conditions } from '#permissions/conditions.ts'
import type { Grant } from '#permissions/grants.ts'
import type { VirtualPath } from '#permissions/path.ts'
import type { Role } from '#permissions/principal.ts'
import type { Scopes } from '#permissions/scopes.ts'

export type KeyType = 'site' | 'user' | 'guest'

export type SiteRecord = {
  readonly id: string
  readonly name: string
  readonly enabled: boolean
  readonly conditions: Conditions
}

export type UserRecord = {
  readonly id: string
  readonly siteId: string
  readonly name: string
  readonly role: Role
  readonly enabled: boolean
  /** Milliseconds since the epoch; null for never. So are all times here. */
  readonly expiresAt: number | null
  readonly conditions: Conditions
}

export type KeyRecord = {
  readonly id: string
  readonly siteId: string
  readonly userId: string | null
  readonly type: KeyType
  readonly name: string
  readonly description: string
  readonly scopes: Scopes
  readonly basePath: VirtualPath
  readonly storages: readonly string[] | null
  readonly conditions: Conditions
  readonly enabled: boolean
  readonly expiresAt: number | null
  readonly createdAt: number
}

/** One value of a key; a key has several while a rotation overlaps. */
export type KeyValueRecord = {
  readonly id: string
  /** HMAC-SHA-256(pepper, value), 32 bytes. */
  readonly digest: Buffer
  /** From this instant the value is refused; null for never. */
  readonly stopsAt: number | null
}

/** The S3 half of a key; `sealed` as `sealing.ts` made it. */
export type AccessKeyPairRecord = {
  readonly accessKeyId: string
  readonly version: number
  readonly sealed: Buffer
}

/** All that judging and limiting a key needs, read in one step. */
export type Account = {
  readonly site: SiteRecord
  readonly key: KeyRecord
  readonly values: readonly KeyValueRecord[]
  readonly pair: AccessKeyPairRecord | null
  /** Null for site and guest keys, and when the user is gone. */
  readonly user: UserRecord | null
  /** Of the user and the user's groups. */
  readonly grants: readonly Grant[]
}

/** Reads credentials. Each call is one set-based look-up, the same work whether it finds or not. */
export type CredentialStore = {
  accountByKeyId(keyId: string): Promise<Account | null>
  /** Keys of this name: in one site, or in all when `siteId` is null. */
  accountsByKeyName(name: string, siteId: string | null): Promise<readonly Account[]>
  accountByAccessKeyId(accessKeyId: string): Promise<Account | null>
  siteIdByHost(host: string): Promise<string | null>
}

/** A change to credentials, written in the same transaction as the change itself. */
export type Change = {
  readonly sequence: number
  readonly kind: 'key' | 'user' | 'site' | 'grants' | 'mounts'
  readonly siteId: string
  readonly keyId: string | null
  readonly userId: string | null
}

/** Follows changes of this and every other process. */
export type ChangeFeed = AsyncDisposable & {
  /** Called for each change, in order. */
  subscribe(listener: (change: Change) => void): void
  /** Reads new changes now; called after each change that this process made. */
  poll(): Promise<void>
  /** Milliseconds since the feed was last read without fault. */
  readonly staleFor: () => number
}

/** Milliseconds since the epoch. Tests turn it by hand. */
export type Clock = { now(): number }
