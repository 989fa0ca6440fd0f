import { isYoung } from './age.ts'
import type { Account, Change, Clock, CredentialStore, Person } from './ports.ts'
import type { CredentialMemory } from './way.ts'

const MAX_HELD = 10_000
const LIFETIME_MS = 60_000

export type CachedStore = {
  /** What is remembered: bounded, kept true by the change feed, and never older than a minute. */
  readonly memory: CredentialMemory
  /** Asks the records, and remembers what was found. */
  readonly store: CredentialStore
  /** Forgets what a change touches. Called for every change of the feed. */
  drop(change: Pick<Change, 'kind' | 'siteId' | 'keyId' | 'userId'>): void
}

/** Accounts and people in memory. */
export function cacheCredentials(records: CredentialStore, clock: Clock): CachedStore {
  const accounts = holder<Account>(clock)
  const people = holder<Person>(clock)
  const guests = holder<{ readonly account: Account }>(clock)
  const keyIdByAccessKey = new Map<string, string>()
  let soleSite: { readonly id: string | null } | null = null
  // A look-up that a change overtook must not put back what the change removed.
  let generation = 0

  async function read<T>(lookUp: Promise<T>, keep: (found: T) => void): Promise<T> {
    const before = generation
    const found = await lookUp
    if (generation === before) keep(found)
    return found
  }

  function keepAccount(account: Account | null): void {
    // The held one stays: doors hang on its secret what they derive from it.
    if (account === null || accounts.get(account.key.id) !== null) return
    accounts.set(account.key.id, account)
    if (account.pair === null) return
    if (keyIdByAccessKey.size >= MAX_HELD) keyIdByAccessKey.clear()
    keyIdByAccessKey.set(account.pair.accessKeyId, account.key.id)
  }

  const keepAccounts = (found: readonly Account[]) => found.forEach(keepAccount)
  const keepPerson = (person: Person | null) => person && people.set(person.user.id, person)

  return {
    memory: {
      accountByKeyId: (keyId) => accounts.get(keyId),
      accountByAccessKeyId(accessKeyId) {
        const account = accounts.get(keyIdByAccessKey.get(accessKeyId) ?? '')
        return account?.pair?.accessKeyId === accessKeyId ? account : null
      },
      guestAccount: (siteId) => guests.get(siteId ?? '')?.account ?? null,
      personById: (userId) => people.get(userId),
    },
    store: {
      accountByKeyId: (keyId) => read(records.accountByKeyId(keyId), keepAccount),
      accountsByKeyName: (name, siteId) => read(records.accountsByKeyName(name, siteId), keepAccounts),
      accountsByBucket: (bucket) => read(records.accountsByBucket(bucket), keepAccounts),
      accountByAccessKeyId: (id) => read(records.accountByAccessKeyId(id), keepAccount),
      guestAccount: (siteId) =>
        read(records.guestAccount(siteId), (account) => {
          if (account === null) return
          guests.set(siteId, { account })
          if (soleSite?.id === siteId) guests.set('', { account })
        }),
      peopleByName: (name, siteId) =>
        read(records.peopleByName(name, siteId), (found) => found.forEach(keepPerson)),
      personById: (userId) => read(records.personById(userId), keepPerson),
      siteIdByHost: (host) => records.siteIdByHost(host),
      async soleSiteId() {
        if (soleSite !== null) return soleSite.id
        return read(records.soleSiteId(), (id) => {
          soleSite = { id }
        })
      },
    },
    drop({ kind, siteId, keyId, userId }) {
      generation += 1
      guests.clear()
      if (kind === 'site') soleSite = null
      if (keyId !== null) return accounts.delete(keyId)
      // A user that moved to another site is still the user of keys made on the old one.
      accounts.deleteWhere(({ key }) => key.siteId === siteId || key.userId === userId)
      people.deleteWhere(({ user }) => user.siteId === siteId || user.id === userId)
    },
  }
}

/** A bounded map whose entries end after a minute. */
function holder<T>(clock: Clock) {
  const held = new Map<string, { readonly found: T; readonly at: number }>()
  return {
    get(name: string): T | null {
      const entry = held.get(name)
      return entry !== undefined && isYoung(entry.at, LIFETIME_MS, clock.now()) ? entry.found : null
    },
    set(name: string, found: T): void {
      held.delete(name)
      const [oldest] = held.keys()
      if (held.size >= MAX_HELD && oldest !== undefined) held.delete(oldest)
      held.set(name, { found, at: clock.now() })
    },
    delete(name: string): void {
      held.delete(name)
    },
    deleteWhere(touched: (found: T) => boolean): void {
      for (const [name, { found }] of held) if (touched(found)) held.delete(name)
    },
    clear(): void {
      held.clear()
    },
  }
}
