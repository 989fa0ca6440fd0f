import { Fault } from '#faults'
import { parseRight, type Rights } from '#permissions/grants.ts'
import { parsePath } from '#permissions/path.ts'
import { type Actor, administeredSite, auditEntry } from './actor.ts'
import { commit, type IdentityDeps, newId } from './deps.ts'
import { findGroup, type GroupRef } from './groups.ts'
import type { GrantDetails, GrantQuery, NamedGrant } from './ports.ts'
import { findUser, type UserRef } from './users.ts'

/** Who holds a grant: one of the two. */
export type HolderRef = { readonly user?: UserRef | undefined; readonly group?: GroupRef | undefined }

export type GrantInput = HolderRef & {
  readonly path: string
  /** Names of rights or levels: `full`, or `list` and `read`. */
  readonly rights: readonly string[]
  /** Reaches every depth unless false. */
  readonly recursive?: boolean | undefined
}

/** Lets a user or a group into a folder (REQUIREMENTS.md, U1). Faults: forbidden, not_found, invalid. */
export async function addGrant(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  input: GrantInput,
): Promise<NamedGrant> {
  const site = await administeredSite(deps, actor, siteId)
  const rights = readRights(input.rights)
  const path = parsePath(input.path)
  const holder = await findHolder(deps, site.id, input)
  const { userId, groupId } = holder
  const recursive = input.recursive ?? true
  const grant: GrantDetails = { id: newId(), siteId: site.id, userId, groupId, path, recursive, rights }
  const who = holder.userName ?? `group ${holder.groupName}`
  const subject = `grant ${grant.id} ${who} ${input.rights.join(',')} ${path}`
  const audit = auditEntry(deps, actor, { action: 'grant.add', siteId: site.id, subject })
  await commit(deps, deps.store.addGrant(grant, audit))
  return { ...grant, ...holder }
}

/** Which grants are listed: of a user, of a group, or all; one page of them. */
export type GrantListing = HolderRef & Pick<GrantQuery, 'after' | 'limit'>

/** The site's grants by path and id. A user's are those of the user alone, without those of groups. */
export async function listGrants(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  { user, group, after, limit }: GrantListing = {},
): Promise<readonly NamedGrant[]> {
  const site = await administeredSite(deps, actor, siteId)
  const userId = user === undefined ? undefined : (await findUser(deps, site.id, user)).id
  const groupId = group === undefined ? undefined : (await findGroup(deps, site.id, group)).id
  return deps.store.grants(site.id, { userId, groupId, after, limit })
}

/** Takes a grant away; sessions that rest on it are cut. Faults: forbidden, not_found. */
export async function removeGrant(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  grantId: string,
): Promise<void> {
  const site = await administeredSite(deps, actor, siteId)
  const subject = `grant ${grantId}`
  const audit = auditEntry(deps, actor, { action: 'grant.remove', siteId: site.id, subject })
  await commit(deps, deps.store.removeGrant(site.id, grantId, audit))
}

type Holder = Pick<NamedGrant, 'userId' | 'userName' | 'groupId' | 'groupName'>

async function findHolder(deps: IdentityDeps, siteId: string, { user, group }: HolderRef): Promise<Holder> {
  if (user !== undefined && group === undefined) {
    const { id, name } = await findUser(deps, siteId, user)
    return { userId: id, userName: name, groupId: null, groupName: null }
  }
  if (group !== undefined && user === undefined) {
    const { id, name } = await findGroup(deps, siteId, group)
    return { userId: null, userName: null, groupId: id, groupName: name }
  }
  throw new Fault('invalid', 'a grant is for a user or for a group: name one of the two')
}

function readRights(names: readonly string[]): Rights {
  let rights = 0
  for (const name of names) {
    const bits = parseRight(name)
    if (bits === undefined) throw new Fault('invalid', `there is no right or level '${name}'`)
    rights |= bits
  }
  if (rights === 0) throw new Fault('invalid', 'a grant needs at least one right')
  return rights
}
