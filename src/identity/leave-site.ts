import type { AuditEntry } from '#audit/ports.ts'
import { Fault } from '#faults'
import type { Role } from '#permissions/principal.ts'
import { type Actor, administeredSite, auditEntry } from './actor.ts'
import { commit, type IdentityDeps } from './deps.ts'
import type { SiteDetails, UserDetails } from './ports.ts'
import { type Force, findUser, guardOf, type UserRef } from './users.ts'

const MOST_KEYS = 1_000

/**
 * Deletes a user: keys and sessions stop at once, grants and memberships go (REQUIREMENTS.md, U6). The rows
 * of the keys expire now and stay for the site's retention, so that the audit of a later try names them.
 * Faults: forbidden, not_found, invalid (the last administrator).
 */
export async function deleteUser(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  ref: UserRef,
  force: Force = {},
): Promise<UserDetails> {
  const site = await administeredSite(deps, actor, siteId)
  const user = await findUser(deps, site.id, ref)
  const subject = `user ${user.name}`
  const audit = [
    auditEntry(deps, actor, { action: 'user.delete', siteId: site.id, subject }),
    ...(await endOfKeys(deps, actor, user, 'deleted')),
  ]
  const guard = guardOf(deps, actor, force)
  await commit(deps, deps.store.deleteUser(site.id, user.id, deps.clock.now(), guard, audit))
  return user
}

/**
 * Moves a user to another site, without grants, groups and keys: keys of the old site open nothing from then
 * on (REQUIREMENTS.md, U3). The user arrives as a member unless said otherwise. Only who administers both
 * sites may. Faults: forbidden, not_found, exists (the name), invalid (the last administrator).
 */
export async function moveUser(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  ref: UserRef,
  to: { readonly siteId: string; readonly role?: Role | undefined } & Force,
): Promise<{ user: UserDetails; site: SiteDetails }> {
  const from = await administeredSite(deps, actor, siteId)
  const site = await administeredSite(deps, actor, to.siteId)
  const user = await findUser(deps, from.id, ref)
  if (from.id === site.id) throw new Fault('invalid', 'the user is on this site already')
  const role = to.role ?? 'member'
  const left = `user ${user.name} to site ${site.name}`
  const arrived = `user ${user.name} (${role}) from site ${from.name}`
  const audit = [
    auditEntry(deps, actor, { action: 'user.move', siteId: from.id, subject: left }),
    auditEntry(deps, actor, { action: 'user.move', siteId: site.id, subject: arrived }),
    ...(await endOfKeys(deps, actor, user, 'moved')),
  ]
  const target = { siteId: site.id, role }
  await commit(deps, deps.store.moveUser(from.id, user.id, target, guardOf(deps, actor, to), audit))
  const moved = await findUser(deps, site.id, { id: user.id })
  return { user: moved, site }
}

/** What becomes of the user's keys, one entry for each (REQUIREMENTS.md, R3). */
async function endOfKeys(
  deps: IdentityDeps,
  actor: Actor,
  { id: userId, siteId, name }: UserDetails,
  what: 'deleted' | 'moved',
): Promise<readonly AuditEntry[]> {
  const keys = await deps.store.keys(siteId, { userId, limit: MOST_KEYS })
  return keys.map((key) => {
    const subject = `key ${key.id} ${key.name}: its user ${name} was ${what}`
    return auditEntry(deps, actor, { action: 'key.update', siteId, subject })
  })
}
