import type { AuthenticateDeps } from '#credentials/authenticate.ts'
import { cacheCredentials } from '#credentials/cached-store.ts'
import type { Account, CredentialStore, KeyRecord, KeyValueRecord, Person } from '#credentials/ports.ts'
import { loginHider } from '#credentials/secret-checks.ts'
import { createThrottle } from '#credentials/throttle.ts'
import { bucketOf, digestValue, newKeyValue, newPepper, pepperFrom } from '#credentials/values.ts'
import { createVerifiedSecrets } from '#credentials/verified-secrets.ts'
import type { SecretChecks } from '#credentials/way.ts'
import { ROOT } from '#permissions/path.ts'
import { ALL_SCOPES } from '#permissions/scopes.ts'

export const NOW = 1_800_000_000_000
export const PEPPER = pepperFrom(newPepper())
export const KEY_ID = 'k1k1k1k1'
export const VALUE = newKeyValue(KEY_ID)

const SETTINGS = {
  defaultKeyLifetime: null,
  allowNeverExpire: true,
  maxKeyLifetime: null,
  newKeysStartDisabled: false,
  usersMayCreateKeys: false,
  allowChosenValues: true,
  passwordLogin: true,
  expiredKeyRetention: null,
}

export type AccountChanges = {
  site?: Partial<Account['site']>
  user?: Partial<NonNullable<Account['user']>> | null
  key?: Partial<KeyRecord>
  value?: Partial<KeyValueRecord>
  pair?: Account['pair']
}

/** An account whose value is VALUE, with what a test changes of it. */
export function account(changes: AccountChanges = {}): Account {
  const { site, user, key, value, pair } = changes
  return {
    site: { id: 's1', name: 'main', enabled: true, conditions: {}, settings: SETTINGS, ...site },
    user: user === null ? null : { ...USER, siteId: site?.id ?? 's1', ...user },
    key: {
      id: KEY_ID,
      siteId: site?.id ?? 's1',
      userId: user === null ? null : 'u1',
      type: 'user',
      name: 'backup',
      description: '',
      scopes: ALL_SCOPES,
      basePath: ROOT,
      storages: null,
      conditions: {},
      enabled: true,
      expiresAt: null,
      createdAt: NOW,
      ...key,
    },
    values: [
      { id: 'v1', digest: digestValue(PEPPER, VALUE), hash: null, bucket: null, stopsAt: null, ...value },
    ],
    pair: pair === undefined ? { accessKeyId: 'LKPAIR', version: 1, sealed: Buffer.alloc(0) } : pair,
    grants: [],
  }
}

const USER = {
  id: 'u1',
  siteId: 's1',
  name: 'ann',
  role: 'member',
  enabled: true,
  expiresAt: null,
  conditions: {},
} as const

/** What is stored of a chosen value. The hash is that of `countingChecks`. */
export function chosen(value: string): Pick<KeyValueRecord, 'digest' | 'hash' | 'bucket'> {
  return { digest: null, hash: hashOf(value), bucket: bucketOf(PEPPER, value) }
}

/** A person of the site s1 whose password is `password`. */
export function person(
  password: string | null,
  { site, user }: { site?: Partial<Person['site']>; user?: Partial<Person['user']> } = {},
): Person {
  return {
    site: { id: 's1', name: 'main', enabled: true, conditions: {}, settings: SETTINGS, ...site },
    user: { ...USER, siteId: site?.id ?? 's1', ...user },
    passwordHash: password === null ? null : hashOf(password),
    grants: [],
  }
}

function hashOf(secret: string): string {
  return `hash of ${secret}`
}

export type Steps = { hmac: number; argon2: number; lookUps: number; signatures: number }

/** Everything behind `authenticate()`, counting the steps that cost time. */
export type Bench = {
  readonly deps: AuthenticateDeps
  readonly steps: Steps
  readonly clock: { at: number; now(): number }
  readonly cached: ReturnType<typeof cacheCredentials>
}

export function bench(accounts: readonly Account[], people: readonly Person[] = []): Bench {
  const steps: Steps = { hmac: 0, argon2: 0, lookUps: 0, signatures: 0 }
  const clock = {
    at: NOW,
    now() {
      return this.at
    },
  }
  const cached = cacheCredentials(countingStore(accounts, people, steps), clock)
  const verified = createVerifiedSecrets(clock)
  const counting = {
    ...verified,
    mark(parts: readonly (string | null)[]) {
      steps.hmac += 1
      return verified.mark(parts)
    },
  }
  const throttle = createThrottle(clock, loginHider(PEPPER))
  const { memory, store } = cached
  const deps = { memory, store, verified: counting, checks: countingChecks(steps), throttle, clock }
  return { deps, steps, clock, cached }
}

function countingChecks(steps: Steps): SecretChecks {
  return {
    digest(value) {
      steps.hmac += 1
      return digestValue(PEPPER, value)
    },
    bucket(value) {
      steps.hmac += 1
      return bucketOf(PEPPER, value)
    },
    async password(hash, secret) {
      steps.argon2 += 1
      return hash === hashOf(secret)
    },
    secretOf: (of) => ({ text: of?.pair === null || of === null ? 'decoy' : `secret of ${of.key.id}` }),
  }
}

/** Each look-up counts, whether it finds or not. Accounts are made anew, as those of a database are. */
function countingStore(
  accounts: readonly Account[],
  people: readonly Person[],
  steps: Steps,
): CredentialStore {
  async function find<T extends object>(from: readonly T[], fits: (one: T) => boolean): Promise<T[]> {
    steps.lookUps += 1
    return from.filter(fits).map((one) => ({ ...one }))
  }
  const inSite = (siteId: string | null, of: string) => siteId === null || siteId === of
  const sites = new Set([...accounts, ...people].map(({ site }) => site.id))
  return {
    accountByKeyId: async (id) => (await find(accounts, ({ key }) => key.id === id))[0] ?? null,
    accountsByKeyName: (name, siteId) =>
      find(accounts, ({ key }) => key.name === name && inSite(siteId, key.siteId)),
    accountsByBucket: (bucket) =>
      find(accounts, ({ values }) => values.some((value) => value.bucket === bucket)),
    accountByAccessKeyId: async (id) =>
      (await find(accounts, ({ pair }) => pair?.accessKeyId === id))[0] ?? null,
    guestAccount: async (siteId) =>
      (await find(accounts, ({ key }) => key.type === 'guest' && key.siteId === siteId))[0] ?? null,
    peopleByName: (name, siteId) =>
      find(people, ({ user }) => user.name === name && inSite(siteId, user.siteId)),
    personById: async (id) => (await find(people, ({ user }) => user.id === id))[0] ?? null,
    siteIdByHost: async () => null,
    async soleSiteId() {
      steps.lookUps += 1
      const [first, second] = [...sites]
      return second === undefined ? (first ?? null) : null
    },
  }
}
