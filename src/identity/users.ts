import { hashPassword } from '#credentials/passwords.ts'
import { Fault } from '#faults'
import type { Role } from '#permissions/principal.ts'
import { type Actor, administeredSite, auditEntry } from './actor.ts'
import { commit, type IdentityDeps, newId } from './deps.ts'
import { checkUserName } from './names.ts'
import { checkPassword } from './password-rule.ts'
import type { UserDetails } from './ports.ts'

/** A user of a site, by id or by name. */
export type UserRef = { readonly id: string } | { readonly name: string }

/** Makes a user without grants: no grant, no access, except for administrators. Faults: invalid, exists. */
export async function addUser(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  input: { readonly name: string; readonly role: Role },
): Promise<UserDetails> {
  const site = await administeredSite(deps, actor, siteId)
  checkUserName(input.name)
  if ((await deps.store.userByName(site.id, input.name)) !== null) {
    throw new Fault('exists', `there is a user '${input.name}' already`)
  }
  const user: UserDetails = {
    id: newId(),
    siteId: site.id,
    name: input.name,
    role: input.role,
    enabled: true,
    expiresAt: null,
    conditions: {},
    createdAt: deps.clock.now(),
  }
  const subject = `user ${user.name} (${user.role})`
  const audit = auditEntry(deps, actor, { action: 'user.create', siteId: site.id, subject })
  await commit(deps, deps.store.addUser(user, [], audit))
  return user
}

/** The site's users by name. */
export async function listUsers(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
): Promise<readonly UserDetails[]> {
  const site = await administeredSite(deps, actor, siteId)
  return (await deps.store.users(site.id)).toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

/** Stops all keys and sessions of the user at once (REQUIREMENTS.md, U6). */
export function disableUser(deps: IdentityDeps, actor: Actor, siteId: string, ref: UserRef) {
  return setEnabled(deps, actor, siteId, ref, false)
}

/** Lets the user's keys work again. */
export function enableUser(deps: IdentityDeps, actor: Actor, siteId: string, ref: UserRef) {
  return setEnabled(deps, actor, siteId, ref, true)
}

async function setEnabled(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  ref: UserRef,
  enabled: boolean,
): Promise<UserDetails> {
  const site = await administeredSite(deps, actor, siteId)
  const user = await findUser(deps, site.id, ref)
  const action = enabled ? 'user.update' : 'user.disable'
  const subject = enabled ? `user ${user.name} enabled` : `user ${user.name}`
  const audit = auditEntry(deps, actor, { action, siteId: site.id, subject })
  await commit(deps, deps.store.setUserEnabled(site.id, user.id, enabled, audit))
  return { ...user, enabled }
}

/** Gives a user of the site a new password of their own. Faults: forbidden, not_found, invalid. */
export async function setPassword(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  ref: UserRef,
  password: string,
): Promise<void> {
  const site = await administeredSite(deps, actor, siteId)
  const user = await findUser(deps, site.id, ref)
  checkPassword(password)
  const hash = await hashPassword(password)
  const subject = `user ${user.name} password`
  const audit = auditEntry(deps, actor, { action: 'user.update', siteId: site.id, subject })
  await commit(deps, deps.store.setPassword(site.id, user.id, hash, audit))
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
