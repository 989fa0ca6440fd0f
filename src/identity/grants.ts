import { Fault } from '#faults'
import { parseRight, type Rights } from '#permissions/grants.ts'
import { parsePath } from '#permissions/path.ts'
import { type Actor, administeredSite, auditEntry } from './actor.ts'
import { commit, type IdentityDeps, newId } from './deps.ts'
import type { GrantDetails } from './ports.ts'
import { findUser, type UserRef } from './users.ts'

/** A grant with the name of the user who has it. */
export type NamedGrant = GrantDetails & { readonly userName: string }

export type GrantInput = {
  readonly user: UserRef
  readonly path: string
  /** Names of rights or levels: `full`, or `list` and `read`. */
  readonly rights: readonly string[]
  /** Reaches every depth unless false. */
  readonly recursive?: boolean | undefined
}

/** Lets a user into a folder (REQUIREMENTS.md, U1). Faults: forbidden, not_found, invalid. */
export async function addGrant(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  input: GrantInput,
): Promise<NamedGrant> {
  const site = await administeredSite(deps, actor, siteId)
  const rights = readRights(input.rights)
  const path = parsePath(input.path)
  const user = await findUser(deps, site.id, input.user)
  const recursive = input.recursive ?? true
  const grant: GrantDetails = { id: newId(), siteId: site.id, userId: user.id, path, recursive, rights }
  const subject = `grant ${grant.id} ${user.name} ${input.rights.join(',')} ${path}`
  const audit = auditEntry(deps, actor, { action: 'grant.add', siteId: site.id, subject })
  await commit(deps, deps.store.addGrant(grant, audit))
  return { ...grant, userName: user.name }
}

/** The site's grants by user and path. */
export async function listGrants(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
): Promise<readonly NamedGrant[]> {
  const site = await administeredSite(deps, actor, siteId)
  const order = (grant: NamedGrant) => `${grant.userName}\0${grant.path}`
  return (await deps.store.grants(site.id)).toSorted((a, b) => (order(a) < order(b) ? -1 : 1))
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
