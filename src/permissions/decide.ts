import { type Circumstances, type ConditionReason, type DoorName, unmetCondition } from './conditions.ts'
import { type Grant, type Reach, RIGHT_BITS, type Rights, rightsAt, rightsOf } from './grants.ts'
import { isBelow, isWithin, ROOT, type VirtualPath } from './path.ts'
import type { Principal } from './principal.ts'
import { hasScopes, type Scopes, scopesOf } from './scopes.ts'

/** Every kind of use that is decided. `folder_*` speak of top-level folders (S3 buckets). */
export type Action =
  | 'list'
  | 'stat'
  | 'read'
  | 'write'
  | 'mkdir'
  | 'copy_from'
  | 'copy_to'
  | 'rename_from'
  | 'rename_to'
  | 'delete'
  | 'purge'
  | 'folder_create'
  | 'folder_rename_from'
  | 'folder_rename_to'
  | 'folder_delete'
  | 'folder_purge'
  | 'administer'

export type DenyReason =
  | ConditionReason
  | 'expired'
  | 'door_scope'
  | 'scope'
  | 'role'
  | 'base_path'
  | 'storage'
  | 'grant'

/** `partial`: only those members may be shown that lead to a granted folder. */
export type Decision =
  | { readonly allow: true; readonly partial: boolean }
  | { readonly allow: false; readonly reason: DenyReason }

/** `mount` is the id of the mount that holds the path; null where no mount is concerned. */
export type DecisionContext = Circumstances & { readonly mount: string | null; readonly tree?: boolean }

type Rule = { scopes: Scopes; rights: Rights; changes: boolean; reach: Reach; administratorsOnly: boolean }

function rule(scopes: Scopes, rights: Rights, more: Partial<Rule> = {}): Rule {
  return { scopes, rights, changes: true, reach: 'entry', administratorsOnly: false, ...more }
}

const READING = { changes: false }
const TOP_LEVEL = { administratorsOnly: true }

const RULES: Readonly<Record<Action, Rule>> = {
  list: rule(scopesOf('files.list'), rightsOf('list'), { changes: false, reach: 'members' }),
  stat: rule(scopesOf('files.list'), rightsOf('list'), READING),
  read: rule(scopesOf('files.read'), rightsOf('read'), READING),
  write: rule(scopesOf('files.write'), rightsOf('write')),
  mkdir: rule(scopesOf('files.write'), rightsOf('write')),
  copy_from: rule(scopesOf('files.copy'), rightsOf('read'), READING),
  copy_to: rule(scopesOf('files.copy'), rightsOf('write')),
  rename_from: rule(scopesOf('files.rename'), rightsOf('delete')),
  rename_to: rule(scopesOf('files.rename'), rightsOf('write')),
  delete: rule(scopesOf('files.delete'), rightsOf('delete')),
  purge: rule(scopesOf('files.delete', 'files.purge'), rightsOf('delete')),
  folder_create: rule(scopesOf('folders.write'), rightsOf('write'), TOP_LEVEL),
  folder_rename_from: rule(scopesOf('folders.write', 'files.rename'), rightsOf('delete'), TOP_LEVEL),
  folder_rename_to: rule(scopesOf('folders.write', 'files.rename'), rightsOf('write'), TOP_LEVEL),
  folder_delete: rule(scopesOf('folders.write', 'files.delete'), rightsOf('delete'), TOP_LEVEL),
  folder_purge: rule(scopesOf('folders.write', 'folders.purge'), rightsOf('delete'), TOP_LEVEL),
  administer: rule(scopesOf('admin'), 0, { administratorsOnly: true }),
}

const READ_DOORS: Readonly<Record<DoorName, readonly Scopes[]>> = {
  webdav: [scopesOf('webdav.read')],
  sftp: [scopesOf('sftp')],
  ftp: [scopesOf('ftp')],
  s3: [scopesOf('s3')],
  rest: [scopesOf('rest')],
}

/** True when the scopes open the door at all. WebDAV opens to read or to change. */
export function opensDoor(scopes: Scopes, door: DoorName): boolean {
  if (door === 'webdav' && hasScopes(scopes, scopesOf('webdav.manage'))) return true
  return READ_DOORS[door].some((needed) => hasScopes(scopes, needed))
}

function doorAllows(scopes: Scopes, door: DoorName, changes: boolean): boolean {
  if (door === 'webdav' && changes) return hasScopes(scopes, scopesOf('webdav.manage'))
  if (door === 'webdav' && !changes) return opensDoor(scopes, door)
  return opensDoor(scopes, door)
}

/**
 * May this principal do this, here, now? Grants ∩ scopes ∩ base path ∩ storage list ∩ conditions.
 * Pure: all facts are arguments. Called for each operation, and for both ends of copy and move.
 */
export function decide(
  principal: Principal,
  action: Action,
  path: VirtualPath,
  context: DecisionContext,
): Decision {
  const rules = RULES[action]
  if (principal.expiresAt !== null && context.now >= principal.expiresAt) return deny('expired')
  const unmet = unmetCondition(principal.conditions, context)
  if (unmet !== null) return deny(unmet)
  if (!doorAllows(principal.scopes, context.door, rules.changes)) return deny('door_scope')
  if (rules.administratorsOnly && principal.role !== 'administrator') return deny('role')
  if (context.mount !== null && principal.storages !== null && !principal.storages.includes(context.mount)) {
    return deny('storage')
  }
  if (action === 'administer') return hasScopes(principal.scopes, rules.scopes) ? ALLOW : deny('scope')
  if (action === 'stat' && leadsToGrant(principal, path)) return PARTIAL
  if (!hasScopes(principal.scopes, scopesFor(action, rules, path))) return deny('scope')
  return decideByGrants(principal, action, path, context.tree ? 'tree' : rules.reach)
}

const ALLOW: Decision = { allow: true, partial: false }
const PARTIAL: Decision = { allow: true, partial: true }

function deny(reason: DenyReason): Decision {
  return { allow: false, reason }
}

function scopesFor(action: Action, rules: Rule, path: VirtualPath): Scopes {
  return action === 'list' && path === ROOT ? rules.scopes | scopesOf('folders.read') : rules.scopes
}

function decideByGrants(principal: Principal, action: Action, path: VirtualPath, reach: Reach): Decision {
  const needed = RULES[action].rights
  const inside = isWithin(principal.basePath, path)
  if (inside && (rightsAt(principal.grants, path, reach) & needed) === needed) return ALLOW
  if (action === 'list' && leadsToGrant(principal, path)) return PARTIAL
  return deny(inside ? 'grant' : 'base_path')
}

/**
 * True when `path` is, or lies on the way to, a folder that the principal was given: such a folder can be
 * seen and walked through, and shows nothing but the way.
 */
export function leadsToGrant(principal: Principal, path: VirtualPath): boolean {
  return principal.grants.some((grant) => {
    const start = startOf(grant, principal.basePath)
    return start !== null && (path === start || isBelow(path, start))
  })
}

/**
 * The topmost folder in which a grant has effect below the base path. A base path that lies deeper than the
 * grant is shown only to who may list there: it would tell otherwise which folders exist.
 */
function startOf(grant: Grant, basePath: VirtualPath): VirtualPath | null {
  if (isWithin(basePath, grant.path)) return grant.path
  return (rightsAt([grant], basePath, 'members') & RIGHT_BITS.list) !== 0 ? basePath : null
}
