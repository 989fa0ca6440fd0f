import type { AuditEntry } from '#audit/ports.ts'
import type {
  AccessKeyPairRecord,
  BrowserRecord,
  KeyRecord,
  KeyType,
  KeyValueRecord,
  SiteRecord,
  UserRecord,
} from '#credentials/ports.ts'
import type { MountRecord } from '#files/ports.ts'
import type { Grant } from '#permissions/grants.ts'
import type { VirtualPath } from '#permissions/path.ts'
import type { Role } from '#permissions/principal.ts'

export type SiteDetails = SiteRecord & {
  readonly parentId: string | null
  readonly hosts: readonly string[]
  readonly createdAt: number
}

export type SitePatch = Partial<
  Pick<SiteDetails, 'name' | 'enabled' | 'conditions' | 'settings' | 'hosts' | 'parentId'>
>

export type UserDetails = UserRecord & {
  readonly homeFolder: VirtualPath
  readonly email: string | null
  /** Whether one was set; the hash is never read here. */
  readonly hasPassword: boolean
  readonly createdAt: number
}

export type UserPatch = Partial<
  Pick<UserDetails, 'name' | 'role' | 'enabled' | 'expiresAt' | 'conditions' | 'homeFolder' | 'email'>
>

/** Users gathered to receive grants. */
export type GroupDetails = {
  readonly id: string
  readonly siteId: string
  readonly name: string
  readonly createdAt: number
}

/** Of a user or of a group: the other one is null. */
export type GrantDetails = Grant & {
  readonly id: string
  readonly siteId: string
  readonly userId: string | null
  readonly groupId: string | null
}

/** A grant with the name of whoever holds it. */
export type NamedGrant = GrantDetails & {
  readonly userName: string | null
  readonly groupName: string | null
}

/** A page of what has names, by name; absent fields take all. */
export type NamePage = { readonly after?: string | undefined; readonly limit?: number | undefined }

/** Which grants of a site, by path and id. */
export type GrantQuery = {
  readonly userId?: string | undefined
  readonly groupId?: string | undefined
  readonly after?: { readonly path: string; readonly id: string } | undefined
  readonly limit?: number | undefined
}

export type MountPatch = {
  readonly readOnly?: boolean | undefined
  readonly trashDays?: number | undefined
}

/**
 * Keeps a site from losing its last administrator: a change after which none is left that is enabled and
 * not expired at `now` is refused (Fault `invalid`). Null lets it happen.
 */
export type AdministratorGuard = { readonly now: number } | null

/** When something was last used, from where and with what; all null for never (REQUIREMENTS.md, K10). */
export type UseDetails = {
  readonly lastUsedAt: number | null
  readonly lastUsedAddress: string | null
  readonly lastUsedDoor: string | null
  readonly lastUsedClient: string | null
}

/** An SSH public key of a user (REQUIREMENTS.md, D7). `fingerprint` as `ssh-keygen -l` prints it. */
export type SshKeyDetails = UseDetails & {
  readonly id: string
  readonly siteId: string
  readonly userId: string
  readonly name: string
  readonly type: string
  /** As SSH writes it (RFC 4253, 6.6). */
  readonly blob: Buffer
  readonly fingerprint: string
  readonly createdAt: number
}

/** A value's masked form (`lk_1a2b3c4d_…9xQ4`), when it was made, and its own last use. */
export type KeyValueDetails = UseDetails & {
  readonly id: string
  readonly masked: string
  /** Somebody chose it; it was not generated. */
  readonly chosen: boolean
  readonly createdAt: number
  readonly stopsAt: number | null
}

/** A key as lists show it: never its value. */
export type KeyDetails = KeyRecord & {
  readonly userName: string | null
  readonly siteName: string
  readonly accessKeyId: string | null
  /** Of the access key pair; each new pair of a key has a higher one. */
  readonly pairVersion: number | null
  /** Of the access key pair; null without one. */
  readonly pairUse: UseDetails | null
  /** Who disabled it; null while it is enabled. */
  readonly disabledBy: DisabledBy | null
  readonly values: readonly KeyValueDetails[]
}

/** What an administrator disabled only an administrator enables. */
export type DisabledBy = 'administrator' | 'owner'

export type NewKeyValue = KeyValueRecord & {
  readonly bucket: number | null
  readonly masked: string
  readonly createdAt: number
}

export type NewKey = {
  readonly key: KeyRecord
  /** Null for a guest key. */
  readonly value: NewKeyValue | null
  readonly pair: AccessKeyPairRecord | null
  /** Of a key that starts disabled. */
  readonly disabledBy?: DisabledBy | null
}

/** A new value for a key; a pair replaces the one there is. */
export type Rotation = {
  readonly value: NewKeyValue
  /** When the values before it stop, unless they stop earlier. */
  readonly oldStopAt: number
  readonly pair: AccessKeyPairRecord | null
}

/** How a key stands at an instant. */
export type KeyState = 'active' | 'disabled' | 'expired'

/** A key's place in lists: oldest first. */
export type KeyPlace = Pick<KeyRecord, 'createdAt' | 'id'>

/** Which keys of a site; all that is named must fit. */
export type KeyQuery = {
  readonly userId?: string | undefined
  readonly type?: KeyType | undefined
  readonly state?: { readonly is: KeyState; readonly now: number } | undefined
  readonly after?: KeyPlace | undefined
  readonly limit: number
}

export type KeyPatch = Partial<
  Pick<
    KeyRecord,
    'name' | 'description' | 'scopes' | 'basePath' | 'storages' | 'conditions' | 'enabled' | 'expiresAt'
  > &
    Pick<KeyDetails, 'disabledBy'>
>

/** Something that has a version. A site is in itself. */
export type RecordRef = {
  readonly kind: 'site' | 'user' | 'group' | 'grant' | 'mount' | 'key'
  readonly siteId: string
  readonly id: string
}

/** What was answered to a creation. `status` null: it is still being done. `sealed` null: no longer known. */
export type HeldAnswer = {
  /** Of the request that was answered. */
  readonly fingerprint: string
  readonly startedAt: number
  readonly status: number | null
  readonly location: string | null
  readonly sealed: Buffer | null
}

/** Remembers creations by a name that their sender chose. */
export type AnswerStore = {
  /**
   * Null: this is the first, and it is noted. Entries from `over` or before are forgotten, and those from `stuck` or
   * before that were never answered.
   */
  begin(request: {
    readonly name: string
    readonly fingerprint: string
    readonly now: number
    readonly over: number
    readonly stuck: number
  }): Promise<HeldAnswer | null>
  finish(name: string, answer: Pick<HeldAnswer, 'status' | 'location' | 'sealed'>): Promise<void>
  /** It was refused: it may be tried again. */
  release(name: string): Promise<void>
  /** Drops the bodies of answers from `before` or earlier. */
  forget(before: number): Promise<void>
}

/** A user of a site. */
export type Whose = { readonly siteId: string; readonly userId: string }

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
  /** Fault `invalid` for a parent that is the site itself or below it. */
  updateSite(id: string, patch: SitePatch, audit: AuditEntry): Promise<void>
  /** With all that belongs to it; files stay. Fault: not_empty while it has child sites. */
  deleteSite(id: string, audit: AuditEntry): Promise<void>
  /** Ids of the sites above, nearest first. */
  ancestorsOf(siteId: string): Promise<readonly string[]>
  /** The site and all below it, by name. */
  sitesWithin(siteId: string): Promise<readonly SiteDetails[]>

  /** By name. */
  users(siteId: string, page?: NamePage): Promise<readonly UserDetails[]>
  userByName(siteId: string, name: string): Promise<UserDetails | null>
  userById(siteId: string, id: string): Promise<UserDetails | null>
  addUser(user: UserDetails, grants: readonly GrantDetails[], audit: AuditEntry): Promise<void>
  updateUser(
    siteId: string,
    id: string,
    patch: UserPatch,
    guard: AdministratorGuard,
    audit: AuditEntry,
  ): Promise<void>
  /** The user's keys expire at `now`; their rows stay until the site's retention is over. */
  deleteUser(
    siteId: string,
    id: string,
    now: number,
    guard: AdministratorGuard,
    audit: readonly AuditEntry[],
  ): Promise<void>
  /** To another site, with this role, without grants and groups: those are the old site's. */
  moveUser(
    siteId: string,
    id: string,
    to: { readonly siteId: string; readonly role: Role },
    guard: AdministratorGuard,
    audit: readonly AuditEntry[],
  ): Promise<void>
  /** Ends the user's logins in browsers, but for `keepBrowser`. */
  setPassword(
    siteId: string,
    userId: string,
    hash: string,
    audit: AuditEntry,
    keepBrowser?: string,
  ): Promise<void>

  /** `confirmedAt` null: begun only. Null: none. */
  secondFactor(userId: string): Promise<{
    readonly sealed: Buffer
    readonly confirmedAt: number | null
    readonly recoveryCodes: number
  } | null>
  /** Replaces one that was begun; Fault `exists` is the caller's to find out. */
  beginSecondFactor(userId: string, sealed: Buffer, now: number): Promise<void>
  /** Ends the user's other logins in browsers. `codes`: digests of recovery codes. */
  confirmSecondFactor(
    who: Whose,
    given: {
      readonly step: number
      readonly codes: readonly Buffer[]
      readonly now: number
      readonly keepBrowser: string | undefined
    },
    audit: AuditEntry,
  ): Promise<void>
  removeSecondFactor(who: Whose, audit: AuditEntry): Promise<void>
  replaceRecoveryCodes(who: Whose, codes: readonly Buffer[], audit: AuditEntry): Promise<void>
  /** Logins in browsers, oldest first. */
  browsers(userId: string): Promise<readonly BrowserRecord[]>
  /** At most 100, the last seen first. */
  browsersOfSite(
    siteId: string,
    seenSince: number,
  ): Promise<readonly (BrowserRecord & { readonly userName: string })[]>
  /** Ends one (Fault `not_found`), or all but one, or all. */
  endBrowsers(
    who: Whose,
    which: { readonly only: string } | { readonly except: string } | Record<string, never>,
    audit: AuditEntry,
  ): Promise<void>

  /** By name. */
  sshKeys(siteId: string, userId: string): Promise<readonly SshKeyDetails[]>
  /** Faults: exists (the name or the key, of this user), invalid when the user has `most` already. */
  addSshKey(key: SshKeyDetails, most: number, audit: AuditEntry): Promise<void>
  removeSshKey(siteId: string, userId: string, id: string, audit: AuditEntry): Promise<void>

  /** By name. */
  groups(siteId: string, page?: NamePage): Promise<readonly GroupDetails[]>
  groupByName(siteId: string, name: string): Promise<GroupDetails | null>
  groupById(siteId: string, id: string): Promise<GroupDetails | null>
  addGroup(group: GroupDetails, audit: AuditEntry): Promise<void>
  renameGroup(siteId: string, id: string, name: string, audit: AuditEntry): Promise<void>
  /** With its grants. */
  deleteGroup(siteId: string, id: string, audit: AuditEntry): Promise<void>
  /** By name. Fault: not_found. */
  members(siteId: string, groupId: string, page?: NamePage): Promise<readonly UserDetails[]>
  /** Fault `exists` for who is a member already. */
  addMember(siteId: string, groupId: string, userId: string, audit: AuditEntry): Promise<void>
  removeMember(siteId: string, groupId: string, userId: string, audit: AuditEntry): Promise<void>

  grants(siteId: string, query?: GrantQuery): Promise<readonly NamedGrant[]>
  addGrant(grant: GrantDetails, audit: AuditEntry): Promise<void>
  removeGrant(siteId: string, id: string, audit: AuditEntry): Promise<void>

  /** Mounts of the site by path: what a key's storage list may name. */
  mounts(siteId: string): Promise<readonly MountRecord[]>
  /** Of every site. */
  allMounts(): Promise<readonly MountRecord[]>
  addMount(mount: MountRecord, audit: AuditEntry): Promise<void>
  updateMount(siteId: string, id: string, patch: MountPatch, audit: AuditEntry): Promise<void>
  /** The files stay. */
  removeMount(siteId: string, id: string, audit: AuditEntry): Promise<void>

  /** Oldest first. */
  keys(siteId: string, query: KeyQuery): Promise<readonly KeyDetails[]>
  keyById(siteId: string, id: string): Promise<KeyDetails | null>
  /** Ids equal names in a login, so neither may shadow the other. */
  keyByName(siteId: string, name: string): Promise<KeyDetails | null>
  addKey(key: NewKey, audit: AuditEntry): Promise<void>
  updateKey(siteId: string, id: string, patch: KeyPatch, audit: AuditEntry): Promise<void>
  deleteKey(siteId: string, id: string, audit: AuditEntry): Promise<void>
  /** Adds a value and sets the end of those before it. Values that have stopped are removed. */
  rotateKey(siteId: string, id: string, rotation: Rotation, audit: AuditEntry): Promise<void>
  /** Keys that expired at `before` or earlier, at most `limit`. */
  expiredKeys(siteId: string, before: number, limit: number): Promise<readonly KeyRecord[]>
  /** Deletes keys that expired at `before` or earlier: all of these, or none. Fault: precondition. */
  deleteExpiredKeys(
    siteId: string,
    ids: readonly string[],
    before: number,
    audit: readonly AuditEntry[],
  ): Promise<void>

  readonly answers: AnswerStore
  /** How often it was changed, from 1 on; null when there is none. */
  versionOf(ref: RecordRef): Promise<number | null>
  /** The same store, whose changes are made only while a record has this version. Fault: precondition. */
  expecting(ref: RecordRef, version: number): IdentityStore

  /** One-time links: only the digest of the ticket is kept. */
  addTicket(ticket: { digest: Buffer; siteId: string; userId: string; expiresAt: number }): Promise<void>
  /** True for one that is neither used nor over. */
  hasTicket(digest: Buffer, now: number): Promise<boolean>
  /** Takes the ticket away and tells whose it was; null when it is unknown, used or over. */
  takeTicket(digest: Buffer, now: number): Promise<{ siteId: string; userId: string } | null>
}
