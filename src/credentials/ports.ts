import type { Wish } from '#files/types.ts'
import type { Conditions } from '#permissions/conditions.ts'
import type { Grant } from '#permissions/grants.ts'
import type { VirtualPath } from '#permissions/path.ts'
import type { Role } from '#permissions/principal.ts'
import type { Scopes } from '#permissions/scopes.ts'

export type KeyType = 'site' | 'user' | 'guest'

/** The name of every site's guest key; no other key may have it (REQUIREMENTS.md, K1). */
export const GUEST_NAME = 'guest'

/** What a site allows (REQUIREMENTS.md, K2, K5, K6, K7, D7). Lifetimes in milliseconds; null for never. */
export type SiteSettings = {
  readonly defaultKeyLifetime: number | null
  readonly allowNeverExpire: boolean
  readonly maxKeyLifetime: number | null
  readonly newKeysStartDisabled: boolean
  readonly usersMayCreateKeys: boolean
  readonly allowChosenValues: boolean
  /** Users may log in at the doors with their own name and password. */
  readonly passwordLogin: boolean
  /** Users may log in at the SFTP door with their own SSH keys; absent: they may. */
  readonly sshKeyLogin?: boolean
  /** How long rows of expired keys are kept. */
  readonly expiredKeyRetention: number | null
}

export type SiteRecord = {
  readonly id: string
  readonly name: string
  readonly enabled: boolean
  readonly conditions: Conditions
  readonly settings: SiteSettings
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
  /** Where sessions start; absent: `/`. */
  readonly homeFolder?: VirtualPath
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
  /** HMAC-SHA-256(pepper, value), 32 bytes, of a generated value; null for a chosen one. */
  readonly digest: Buffer | null
  /** Argon2id of a chosen value, in PHC form; null for a generated one. */
  readonly hash: string | null
  /** `bucketOf` a chosen value; null for a generated one. */
  readonly bucket?: number | null
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

/** `blob` as SSH writes a public key (RFC 4253, 6.6). */
export type SshKeyRecord = { readonly id: string; readonly name: string; readonly blob: Buffer }

/** A user who logs in with an own name and password (REQUIREMENTS.md, D7). */
export type Person = {
  readonly site: SiteRecord
  readonly user: UserRecord
  /** Argon2id in PHC form; null when the user has no password. */
  readonly passwordHash: string | null
  readonly grants: readonly Grant[]
  /** A password alone opens the console only, and there asks for a code. Absent: none. */
  readonly hasSecondFactor?: boolean
  /** SSH public keys that open the SFTP door. Absent: none. */
  readonly sshKeys?: readonly SshKeyRecord[]
}

/** A person's TOTP secret, sealed for `totpContext`. `confirmedAt` null: it was never used to log in. */
export type SecondFactorRecord = {
  readonly userId: string
  readonly sealed: Buffer
  readonly confirmedAt: number | null
}

/**
 * A person's login in a browser. Stage `code`: the password was right, the second factor is still to come.
 * Times in milliseconds since the epoch.
 */
export type BrowserRecord = {
  readonly id: string
  readonly siteId: string
  readonly userId: string
  readonly stage: 'code' | 'in'
  readonly address: string
  readonly client: string
  readonly createdAt: number
  readonly seenAt: number
  /** When its cookie was last replaced. */
  readonly rotatedAt: number
  /** Wrong codes so far. */
  readonly tries: number
}

/** Logins of people in browsers, shared by all nodes: only digests of cookies are kept. */
export type PeopleStore = {
  factor(userId: string): Promise<SecondFactorRecord | null>
  /** Takes a time step of a confirmed factor; false when this one or a later one was taken: a code works once. */
  takeStep(userId: string, step: number): Promise<boolean>
  /** Uses a recovery code up; false when there is none of this digest. */
  takeRecoveryCode(userId: string, digest: Buffer): Promise<boolean>
  /** Also sweeps away what was last seen before `sweepBefore`. */
  addBrowser(browser: BrowserRecord, digest: Buffer, sweepBefore: number): Promise<void>
  /** By the digest of its cookie, or (`isPrevious`) of the one before. */
  browserByDigest(digest: Buffer): Promise<(BrowserRecord & { readonly isPrevious: boolean }) | null>
  hasBrowser(id: string): Promise<boolean>
  /** Replaces the cookie; false when another request did so already. */
  rotateBrowser(id: string, from: Buffer, to: Buffer, now: number): Promise<boolean>
  /** The second factor was given: stage `in`, with a new cookie. False when it is gone. */
  promoteBrowser(id: string, from: Buffer, to: Buffer, now: number): Promise<boolean>
  touchBrowser(id: string, seen: Pick<BrowserRecord, 'seenAt' | 'address' | 'client'>): Promise<void>
  /** Counts one more try of the second factor before it is judged; false when there were `most` already. */
  countTry(id: string, most: number): Promise<boolean>
  /** The change feed tells of its user: what the login still does ends. */
  removeBrowser(id: string): Promise<void>
}

/** Reads credentials. Each call is one set-based look-up, the same work whether it finds or not. */
export type CredentialStore = {
  accountByKeyId(keyId: string): Promise<Account | null>
  /** Keys of this name: in one site, or in all when `siteId` is null. */
  accountsByKeyName(name: string, siteId: string | null): Promise<readonly Account[]>
  /** Keys with a chosen value whose `bucketOf` this is; few, but not only the right one. */
  accountsByBucket(bucket: number): Promise<readonly Account[]>
  accountByAccessKeyId(accessKeyId: string): Promise<Account | null>
  /** The guest key of a site (REQUIREMENTS.md, D8). */
  guestAccount(siteId: string): Promise<Account | null>
  /** Users of this name: in one site, or in all when `siteId` is null. */
  peopleByName(name: string, siteId: string | null): Promise<readonly Person[]>
  personById(userId: string): Promise<Person | null>
  siteIdByHost(host: string): Promise<string | null>
  /** The one site of an installation that has no other; null where there are several. */
  soleSiteId(): Promise<string | null>
}

/**
 * Wrong guesses at one bucket (an address, a login), by all nodes together. `failures` 0: an address that
 * proved a login. `at`: the last time.
 */
export type GuessCount = { readonly bucket: string; readonly failures: number; readonly at: number }

/** Counts of wrong guesses, shared by all nodes (REQUIREMENTS.md, R2). */
export type ThrottleStore = {
  /** Adds to the counts that are kept; one whose last guess is of `forgetBefore` or older starts anew. */
  add(counts: readonly GuessCount[], forgetBefore: number): Promise<void>
  /** Counts that changed at or after `at`, the latest of them, at most 100,000. */
  since(at: number): Promise<readonly GuessCount[]>
  /** Deletes counts from before `guesses`, proofs from before `proofs`, and what a wrong clock wrote: after `future`. */
  forget(times: { readonly guesses: number; readonly proofs: number; readonly future: number }): Promise<void>
}

/** A change to credentials, written in the same transaction as the change itself. */
export type Change = {
  readonly sequence: number
  readonly kind: 'key' | 'user' | 'site' | 'grants' | 'mounts' | 'session'
  readonly siteId: string
  readonly keyId: string | null
  readonly userId: string | null
  /** Of a `session` that is to be ended. */
  readonly sessionId?: string
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

/**
 * The other processes of this server, for what lives in memory and has to be known to all of them. Those that are
 * gone answer nothing; where one is there and does not answer, a question is refused with Fault unavailable.
 */
export type Neighbours = {
  /** What all of them answer, in any order. */
  ask(topic: string, question: string): Promise<readonly string[]>
  /** Answers what the others ask. */
  answer(topic: string, answer: (question: string) => string | Promise<string>): void
}

/** Of a server that is one process. */
export const NO_NEIGHBOURS: Neighbours = { ask: async () => [], answer() {} }

/** Every sealed text of the records. Replacing is compare-and-set: a text that changed meanwhile stays. */
export type SealedStore = {
  secrets(): Promise<readonly { readonly name: string; readonly sealed: Buffer }[]>
  /** S3 pairs in the order of their access key ids, behind `after`; '' begins. */
  pairs(after: string, limit: number): Promise<readonly (AccessKeyPairRecord & { readonly keyId: string })[]>
  replaceSecret(name: string, old: Buffer, sealed: Buffer): Promise<void>
  replacePair(accessKeyId: string, old: Buffer, sealed: Buffer): Promise<void>
  /** TOTP secrets in the order of their users' ids, behind `after`; '' begins. */
  factors(
    after: string,
    limit: number,
  ): Promise<readonly { readonly userId: string; readonly sealed: Buffer }[]>
  replaceFactor(userId: string, old: Buffer, sealed: Buffer): Promise<void>
}

/** What would be answered if somebody used the key so (REQUIREMENTS.md, D6); null when there is no such key. */
export type Foresee = (
  keyId: string,
  wish: Wish,
) => Promise<{ readonly allow: true } | { readonly allow: false; readonly reason: string } | null>
