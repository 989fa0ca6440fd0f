import { ALL_RIGHTS, type Grant, rightsOf } from '#permissions/grants.ts'
import { isWithin, ROOT, type VirtualPath } from '#permissions/path.ts'
import type { Principal } from '#permissions/principal.ts'
import { ALL_SCOPES } from '#permissions/scopes.ts'
import { conditionsOf, conditionsOfPerson } from './judge.ts'
import type { Account, Person, UserRecord } from './ports.ts'

const EVERYWHERE: readonly Grant[] = [{ path: ROOT, recursive: true, rights: ALL_RIGHTS }]
const GUEST_RIGHTS = rightsOf('list', 'read', 'write', 'delete', 'share')

/**
 * What an account may do, as plain data. Site keys hold everything (REQUIREMENTS.md, K1); administrators
 * hold every right on the site's files, narrowed by their key. A guest key has no user: its scopes, base
 * path and storage list are all that limits it (D8).
 */
export function principalOf(account: Account, valueStopsAt: number | null): Principal {
  const { site, key, user } = account
  const isSiteKey = key.type === 'site'
  const isAdministrator = isSiteKey || user?.role === 'administrator'
  return {
    kind: key.type,
    siteId: site.id,
    siteName: site.name,
    user: user && whoOf(user, isSiteKey ? ROOT : key.basePath),
    key: { id: key.id, name: key.name },
    role: isAdministrator ? 'administrator' : 'member',
    scopes: isSiteKey ? ALL_SCOPES : key.scopes,
    grants: isAdministrator ? EVERYWHERE : grantsOf(account),
    basePath: isSiteKey ? ROOT : key.basePath,
    storages: isSiteKey ? null : key.storages,
    conditions: conditionsOf(account),
    expiresAt: earliest([key.expiresAt, user?.expiresAt ?? null, valueStopsAt]),
  }
}

// A home folder that the base path hides is none.
function whoOf({ id, name, homeFolder = ROOT }: UserRecord, basePath: VirtualPath) {
  const starts = homeFolder !== ROOT && isWithin(basePath, homeFolder)
  return starts ? { id, name, home: homeFolder } : { id, name }
}

function grantsOf({ key, grants }: Account): readonly Grant[] {
  if (key.type !== 'guest') return grants
  return [{ path: key.basePath, recursive: true, rights: GUEST_RIGHTS }]
}

/** What a user may do who logged in as themselves, `until` then: all that user and groups were granted (D7). */
export function principalOfPerson(person: Person, until: number | null = null): Principal {
  const { site, user, grants } = person
  return {
    kind: 'person',
    siteId: site.id,
    siteName: site.name,
    user: whoOf(user, ROOT),
    key: null,
    role: user.role,
    scopes: ALL_SCOPES,
    grants: user.role === 'administrator' ? EVERYWHERE : grants,
    basePath: ROOT,
    storages: null,
    conditions: conditionsOfPerson(person),
    expiresAt: earliest([user.expiresAt, until]),
  }
}

function earliest(instants: readonly (number | null)[]): number | null {
  const set = instants.filter((instant) => instant !== null)
  return set.length === 0 ? null : Math.min(...set)
}
