import { ALL_RIGHTS, type Grant } from '#permissions/grants.ts'
import { ROOT } from '#permissions/path.ts'
import type { Principal } from '#permissions/principal.ts'
import { ALL_SCOPES } from '#permissions/scopes.ts'
import { conditionsOf } from './judge.ts'
import type { Account } from './ports.ts'

const EVERYWHERE: readonly Grant[] = [{ path: ROOT, recursive: true, rights: ALL_RIGHTS }]

/**
 * What an account may do, as plain data. Site keys hold everything (REQUIREMENTS.md, K1); administrators
 * hold every right on the site's files, narrowed by their key.
 */
export function principalOf(account: Account, valueStopsAt: number | null): Principal {
  const { site, key, user } = account
  const isSiteKey = key.type === 'site'
  const isAdministrator = isSiteKey || user?.role === 'administrator'
  return {
    kind: key.type,
    siteId: site.id,
    siteName: site.name,
    user: user && { id: user.id, name: user.name },
    key: { id: key.id, name: key.name },
    role: isAdministrator ? 'administrator' : 'member',
    scopes: isSiteKey ? ALL_SCOPES : key.scopes,
    grants: isAdministrator ? EVERYWHERE : account.grants,
    basePath: isSiteKey ? ROOT : key.basePath,
    storages: isSiteKey ? null : key.storages,
    conditions: conditionsOf(account),
    expiresAt: earliest([key.expiresAt, user?.expiresAt ?? null, valueStopsAt]),
  }
}

function earliest(instants: readonly (number | null)[]): number | null {
  const set = instants.filter((instant) => instant !== null)
  return set.length === 0 ? null : Math.min(...set)
}
