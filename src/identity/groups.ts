import { Fault } from '#faults'
import { type Actor, administeredSite, auditEntry } from './actor.ts'
import { commit, type IdentityDeps, newId } from './deps.ts'
import { checkGroupName } from './names.ts'
import type { GroupDetails, NamePage, UserDetails } from './ports.ts'
import { findUser, type UserRef } from './users.ts'

/** A group of a site, by id or by name. */
export type GroupRef = { readonly id: string } | { readonly name: string }

/** Makes a group without members and grants. Faults: forbidden, not_found, invalid, exists. */
export async function addGroup(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  name: string,
): Promise<GroupDetails> {
  const site = await administeredSite(deps, actor, siteId)
  checkGroupName(name)
  await refuseTaken(deps, site.id, name)
  const group = { id: newId(), siteId: site.id, name, createdAt: deps.clock.now() }
  const audit = auditEntry(deps, actor, { action: 'group.create', siteId: site.id, subject: `group ${name}` })
  await commit(deps, deps.store.addGroup(group, audit))
  return group
}

/** The site's groups by name, one page of them or all. */
export async function listGroups(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  page: NamePage = {},
): Promise<readonly GroupDetails[]> {
  const site = await administeredSite(deps, actor, siteId)
  return deps.store.groups(site.id, page)
}

/** One group. Faults: forbidden, not_found. */
export async function getGroup(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  ref: GroupRef,
): Promise<GroupDetails> {
  const site = await administeredSite(deps, actor, siteId)
  return findGroup(deps, site.id, ref)
}

/** Its members and grants stay as they are. Faults: forbidden, not_found, invalid, exists. */
export async function renameGroup(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  ref: GroupRef,
  name: string,
): Promise<GroupDetails> {
  const site = await administeredSite(deps, actor, siteId)
  const group = await findGroup(deps, site.id, ref)
  checkGroupName(name)
  if (name !== group.name) await refuseTaken(deps, site.id, name)
  const subject = `group ${group.name}: name ${name}`
  const audit = auditEntry(deps, actor, { action: 'group.update', siteId: site.id, subject })
  await commit(deps, deps.store.renameGroup(site.id, group.id, name, audit))
  return { ...group, name }
}

/** Removes a group and its grants; sessions that rest on them are cut. Faults: forbidden, not_found. */
export async function deleteGroup(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  ref: GroupRef,
): Promise<GroupDetails> {
  const site = await administeredSite(deps, actor, siteId)
  const group = await findGroup(deps, site.id, ref)
  const subject = `group ${group.name}`
  const audit = auditEntry(deps, actor, { action: 'group.delete', siteId: site.id, subject })
  await commit(deps, deps.store.deleteGroup(site.id, group.id, audit))
  return group
}

/** The group's members by name, one page of them or all. Faults: forbidden, not_found. */
export async function listMembers(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  ref: GroupRef,
  page: NamePage = {},
): Promise<readonly UserDetails[]> {
  const site = await administeredSite(deps, actor, siteId)
  const group = await findGroup(deps, site.id, ref)
  return deps.store.members(site.id, group.id, page)
}

/** Gives the user the group's grants, in sessions that are opened from then on. Faults as below, and exists. */
export function joinGroup(deps: IdentityDeps, actor: Actor, siteId: string, pair: Membership) {
  return changeMembership(deps, actor, siteId, pair, 'group.join')
}

/** Takes them away; sessions that rest on them are cut. Faults: forbidden, not_found. */
export function leaveGroup(deps: IdentityDeps, actor: Actor, siteId: string, pair: Membership) {
  return changeMembership(deps, actor, siteId, pair, 'group.leave')
}

/** Who is or shall be a member of what. */
export type Membership = { readonly group: GroupRef; readonly user: UserRef }

async function changeMembership(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  pair: Membership,
  action: 'group.join' | 'group.leave',
): Promise<{ group: GroupDetails; user: UserDetails }> {
  const site = await administeredSite(deps, actor, siteId)
  const group = await findGroup(deps, site.id, pair.group)
  const user = await findUser(deps, site.id, pair.user)
  const subject = `group ${group.name}: user ${user.name}`
  const audit = auditEntry(deps, actor, { action, siteId: site.id, subject })
  const { addMember, removeMember } = deps.store
  const change = action === 'group.join' ? addMember : removeMember
  await commit(deps, change(site.id, group.id, user.id, audit))
  return { group, user }
}

/** A group of this very site. Fault: not_found. */
export async function findGroup(deps: IdentityDeps, siteId: string, ref: GroupRef): Promise<GroupDetails> {
  const group =
    'id' in ref ? await deps.store.groupById(siteId, ref.id) : await deps.store.groupByName(siteId, ref.name)
  if (group === null) {
    const what = 'id' in ref ? `with the id '${ref.id}'` : `'${ref.name}'`
    throw new Fault('not_found', `this site has no group ${what}`)
  }
  return group
}

async function refuseTaken(deps: IdentityDeps, siteId: string, name: string): Promise<void> {
  if ((await deps.store.groupByName(siteId, name)) !== null) {
    throw new Fault('exists', `there is a group '${name}' already`)
  }
}
