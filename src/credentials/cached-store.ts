import type { Account, Change, Clock, CredentialStore } from './ports.ts'

const MAX_ACCOUNTS = 10_000
const LIFETIME_MS = 60_000

export type CachedStore = CredentialStore & {
  /** Forgets what a change touches. Called for every change of the feed. */
  drop(change: Pick<Change, 'siteId' | 'keyId' | 'userId'>): void
}

/** Accounts in memory: bounded, kept true by the change feed, and never older than a minute. */
export function cacheAccounts(store: CredentialStore, clock: Clock): CachedStore {
  const byKeyId = new Map<string, { account: Account; until: number }>()
  const keyIdByAccessKey = new Map<string, string>()
  // A look-up that a change overtook must not put back what the change removed.
  let generation = 0

  function fresh(keyId: string): Account | null {
    const held = byKeyId.get(keyId)
    return held !== undefined && clock.now() < held.until ? held.account : null
  }

  function keep(account: Account): void {
    if (byKeyId.size >= MAX_ACCOUNTS) {
      byKeyId.clear()
      keyIdByAccessKey.clear()
    }
    byKeyId.set(account.key.id, { account, until: clock.now() + LIFETIME_MS })
    if (account.pair !== null) keyIdByAccessKey.set(account.pair.accessKeyId, account.key.id)
  }

  async function read(lookUp: () => Promise<Account | null>): Promise<Account | null> {
    const before = generation
    const account = await lookUp()
    if (account !== null && generation === before) keep(account)
    return account
  }

  return {
    async accountByKeyId(keyId) {
      return fresh(keyId) ?? read(() => store.accountByKeyId(keyId))
    },
    async accountByAccessKeyId(accessKeyId) {
      const keyId = keyIdByAccessKey.get(accessKeyId)
      const held = keyId === undefined ? null : fresh(keyId)
      if (held !== null && held.pair?.accessKeyId === accessKeyId) return held
      return read(() => store.accountByAccessKeyId(accessKeyId))
    },
    accountsByKeyName: (name, siteId) => store.accountsByKeyName(name, siteId),
    siteIdByHost: (host) => store.siteIdByHost(host),
    drop({ siteId, keyId, userId }) {
      generation += 1
      if (keyId !== null) {
        byKeyId.delete(keyId)
        return
      }
      for (const [id, { account }] of byKeyId) {
        // A user that moved to another site is still the user of keys made on the old one.
        if (account.key.siteId === siteId || account.key.userId === userId) byKeyId.delete(id)
      }
    },
  }
}
