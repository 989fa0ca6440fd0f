import { hashPassword } from '#credentials/passwords.ts'
import { Fault } from '#faults'
import type { Conditions } from '#permissions/conditions.ts'
import { parsePath, ROOT } from '#permissions/path.ts'
import type { Role } from '#permissions/principal.ts'
import { type Actor, administeredSite, auditEntry } from './actor.ts'
import { type ConditionsInput, mergeConditions } from './condition-rules.ts'
import { commit, type IdentityDeps, newId } from './deps.ts'
import { checkEmail, checkUserName } from './names.ts'
import { checkPassword } from './password-rule.ts'
import type { AdministratorGuard, NamePage, UserDetails, UserPatch } from './ports.ts'
import { isoTime, readEnd } from './times.ts'

/** A user of a site, by id or by name. */
export type UserRef = { readonly id: string } | { readonly name: string }

/** What may be said of a user: absent leaves as it is. */
export type UserChanges = {
  readonly name?: string | undefined
  readonly role?: Role | undefined
  readonly enabled?: boolean | undefined
  /** Milliseconds since the epoch; null for never. */
  readonly expiresAt?: number | null | undefined
  readonly email?: string | null | undefined
  /** Where sessions start. */
  readonly homeFolder?: string | undefined
  readonly conditions?: ConditionsInput | undefined
}

export type UserInput = UserChanges & { readonly name: string; readonly role: Role }

/** `force`: also when it is the site's last administrator; on the command line only. */
export type Force = { readonly force?: boolean | undefined }

/** Makes a user without grants: no grant, no access, except for administrators. Faults: invalid, exists. */
export async function addUser(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  input: UserInput,
): Promise<UserDetails> {
  const site = await administeredSite(deps, actor, siteId)
  const given = readChanges(deps, {}, input)
  if ((await deps.store.userByName(site.id, input.name)) !== null) {
    throw new Fault('exists', `there is a user '${input.name}' already`)
  }
  const user: UserDetails = {
    id: newId(),
    siteId: site.id,
    enabled: true,
    expiresAt: null,
    conditions: {},
    email: null,
    homeFolder: ROOT,
    ...given,
    name: input.name,
    role: input.role,
    hasPassword: false,
    createdAt: deps.clock.now(),
  }
  const subject = `user ${user.name} (${user.role})`
  const audit = auditEntry(deps, actor, { action: 'user.create', siteId: site.id, subject })
  await commit(deps, deps.store.addUser(user, [], audit))
  return user
}

/** The site's users by name, one page of them or all. */
export async function listUsers(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  page: NamePage = {},
): Promise<readonly UserDetails[]> {
  const site = await administeredSite(deps, actor, siteId)
  return deps.store.users(site.id, page)
}

/** One user. Faults: forbidden, not_found. */
export async function getUser(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  ref: UserRef,
): Promise<UserDetails> {
  const site = await administeredSite(deps, actor, siteId)
  return findUser(deps, site.id, ref)
}

/**
 * Changes a user; sessions that it leaves with less are cut. Faults: forbidden, not_found, exists, invalid
 * (also when the site would be left without an administrator).
 */
export async function updateUser(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  ref: UserRef,
  changes: UserChanges & Force,
): Promise<UserDetails> {
  const site = await administeredSite(deps, actor, siteId)
  const user = await findUser(deps, site.id, ref)
  const patch = readChanges(deps, user.conditions, changes)
  const guard = guardOf(deps, actor, changes)
  const audit = auditEntry(deps, actor, { ...describe(user, patch), siteId: site.id })
  await commit(deps, deps.store.updateUser(site.id, user.id, patch, guard, audit))
  return { ...user, ...patch }
}

/** Stops all keys and sessions of the user at once (REQUIREMENTS.md, U6). */
export function disableUser(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  ref: UserRef,
  force: Force = {},
): Promise<UserDetails> {
  return updateUser(deps, actor, siteId, ref, { ...force, enabled: false })
}

/** Lets the user's keys work again. */
export function enableUser(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  ref: UserRef,
): Promise<UserDetails> {
  return updateUser(deps, actor, siteId, ref, { enabled: true })
}

/** Gives a user of the site a new password of their own. Faults: forbidden, not_found, invalid. */
export async function setPassword(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  ref: UserRef,
  password: string,
): Promise<UserDetails> {
  const site = await administeredSite(deps, actor, siteId)
  const user = await findUser(deps, site.id, ref)
  checkPassword(password)
  const hash = await hashPassword(password)
  const subject = `user ${user.name} password`
  const audit = auditEntry(deps, actor, { action: 'user.update', siteId: site.id, subject })
  await commit(deps, deps.store.setPassword(site.id, user.id, hash, audit))
  return { ...user, hasPassword: true }
}

/** A user of this very site (REQUIREMENTS.md, U3). Fault: not_found. */
export async function findUser(deps: IdentityDeps, siteId: string, ref: UserRef): Promise<UserDetails> {
  const user =
    'id' in ref ? await deps.store.userById(siteId, ref.id) : await deps.store.userByName(siteId, ref.name)
  if (user === null) {
    const what = 'id' in ref ? `with the id '${ref.id}'` : `'${ref.name}'`
    throw new Fault('not_found', `this site has no user ${what}`)
  }
  return user
}

/** Whether a change may take the site its last administrator. */
export function guardOf({ clock }: IdentityDeps, actor: Actor, { force }: Force): AdministratorGuard {
  return force === true && actor.kind === 'command_line' ? null : { now: clock.now() }
}

function readChanges({ clock }: IdentityDeps, held: Conditions, changes: UserChanges): UserPatch {
  const { name, role, enabled, expiresAt, email, homeFolder, conditions } = changes
  if (name !== undefined) checkUserName(name)
  if (email) checkEmail(email)
  return {
    ...(name !== undefined && { name }),
    ...(role !== undefined && { role }),
    ...(enabled !== undefined && { enabled }),
    ...(expiresAt !== undefined && { expiresAt: readEnd(expiresAt, clock.now()) }),
    ...(email !== undefined && { email: email === '' ? null : email }),
    ...(homeFolder !== undefined && { homeFolder: parsePath(homeFolder) }),
    ...(conditions !== undefined && { conditions: mergeConditions(held, conditions) }),
  }
}

function describe(user: UserDetails, patch: UserPatch) {
  const fields = Object.keys(patch)
  if (patch.enabled !== undefined && fields.length === 1) {
    return { action: patch.enabled ? 'user.enable' : 'user.disable', subject: `user ${user.name}` } as const
  }
  const words = fields.filter((field) => field !== 'name' && field !== 'role' && field !== 'expiresAt')
  if (patch.name !== undefined) words.push(`name ${patch.name}`)
  if (patch.role !== undefined) words.push(`role ${patch.role}`)
  if (patch.expiresAt !== undefined) words.push(`expires ${isoTime(patch.expiresAt) ?? 'never'}`)
  return { action: 'user.update', subject: `user ${user.name}: ${words.join(', ')}` } as const
}
