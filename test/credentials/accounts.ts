import type { Account, CredentialStore, KeyRecord } from '#credentials/ports.ts'
import { digestValue, newKeyValue, newPepper, pepperFrom } from '#credentials/values.ts'
import { ROOT } from '#permissions/path.ts'
import { ALL_SCOPES } from '#permissions/scopes.ts'

export const NOW = 1_800_000_000_000
export const PEPPER = pepperFrom(newPepper())
export const KEY_ID = 'k1k1k1k1'
export const VALUE = newKeyValue(KEY_ID)

export type AccountChanges = {
  site?: Partial<Account['site']>
  user?: Partial<NonNullable<Account['user']>> | null
  key?: Partial<KeyRecord>
  value?: Partial<Account['values'][number]>
}

/** An account whose value is VALUE, with what a test changes of it. */
export function account({ site, user, key, value }: AccountChanges = {}): Account {
  return {
    site: { id: 's1', name: 'main', enabled: true, conditions: {}, ...site },
    user:
      user === null
        ? null
        : {
            id: 'u1',
            siteId: 's1',
            name: 'ann',
            role: 'member',
            enabled: true,
            expiresAt: null,
            conditions: {},
            ...user,
          },
    key: {
      id: KEY_ID,
      siteId: 's1',
      userId: 'u1',
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
    values: [{ id: 'v1', digest: digestValue(PEPPER, VALUE), stopsAt: null, ...value }],
    pair: { accessKeyId: 'LKPAIR', version: 1, sealed: Buffer.alloc(0) },
    grants: [],
  }
}

/** A store of one account that counts its look-ups. */
export function storeOf(held: Account): CredentialStore & { lookUps: number } {
  return {
    lookUps: 0,
    async accountByKeyId(keyId) {
      this.lookUps += 1
      return keyId === held.key.id ? held : null
    },
    async accountsByKeyName(name) {
      this.lookUps += 1
      return name === held.key.name ? [held] : []
    },
    async accountByAccessKeyId(id) {
      this.lookUps += 1
      return id === held.pair?.accessKeyId ? held : null
    },
    async siteIdByHost() {
      return null
    },
  }
}
