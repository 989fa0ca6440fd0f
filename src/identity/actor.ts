import type { AuditAction, AuditEntry } from '#audit/ports.ts'
import { Fault } from '#faults'
import type { DoorName } from '#permissions/conditions.ts'
import { type DenyReason, decide } from '#permissions/decide.ts'
import { ROOT } from '#permissions/path.ts'
import type { Principal } from '#permissions/principal.ts'
import type { IdentityDeps } from './deps.ts'
import type { SiteDetails } from './ports.ts'

/** Who asks: the machine's own administrator, or somebody who came through a door. */
export type Actor =
  | { readonly kind: 'command_line' }
  | {
      readonly kind: 'principal'
      readonly principal: Principal
      readonly door: DoorName
      readonly address: string
    }

/** Whose keys an actor may touch: all of the site, or those of one user only. */
export type Reach =
  | { readonly kind: 'site' }
  | { readonly kind: 'own'; readonly userId: string; readonly userName: string }

/**
 * The site, for an actor who belongs to it, or to a site above it (REQUIREMENTS.md, U4). Any other site looks
 * as if it were not there. Fault: not_found.
 */
export async function siteFor(deps: IdentityDeps, actor: Actor, siteId: string): Promise<SiteDetails> {
  const site = (await reaches(deps, actor, siteId)) ? await deps.store.siteById(siteId) : null
  if (site === null) throw new Fault('not_found', 'no such site')
  return site
}

async function reaches(deps: IdentityDeps, actor: Actor, siteId: string): Promise<boolean> {
  if (!comesFromAbove(actor, siteId)) return true
  if (actor.kind === 'command_line') return true
  const { principal } = actor
  return seesBelow(principal) && (await deps.store.ancestorsOf(siteId)).includes(principal.siteId)
}

/** True for administrators who come as themselves: no key crosses the border of its site. */
export function seesBelow({ kind, key, role }: Principal): boolean {
  return kind === 'person' && key === null && role === 'administrator'
}

/** True for the command line, and for everybody whose own site is another one. */
export function comesFromAbove(actor: Actor, siteId: string): boolean {
  return actor.kind === 'command_line' || actor.principal.siteId !== siteId
}

/** The site, for those who stand above it: what its own administrators may not change. Faults: not_found, forbidden. */
export async function overseenSite(deps: IdentityDeps, actor: Actor, siteId: string): Promise<SiteDetails> {
  const site = await administeredSite(deps, actor, siteId)
  if (comesFromAbove(actor, site.id)) return site
  throw new Fault('forbidden', 'this is for the command line and for administrators of a parent site')
}

/** The site, for an actor who may administer it (REQUIREMENTS.md, K1). Faults: not_found, forbidden. */
export async function administeredSite(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
): Promise<SiteDetails> {
  const site = await siteFor(deps, actor, siteId)
  const reason = refusal(deps, actor)
  if (reason !== null) throw new Fault('forbidden', WORDS[reason])
  return site
}

/**
 * Whose keys the actor may touch (REQUIREMENTS.md, K2): administrators all; people who logged in as
 * themselves their own, where the site allows it. A key of a member never may. Fault: forbidden.
 */
export function keyReach(deps: IdentityDeps, actor: Actor, site: SiteDetails): Reach {
  const reason = refusal(deps, actor)
  if (reason === null) return { kind: 'site' }
  if (reason === 'role' && actor.kind === 'principal' && site.settings.usersMayCreateKeys) {
    const { kind, user } = actor.principal
    if (kind === 'person' && user !== null) return { kind: 'own', userId: user.id, userName: user.name }
  }
  throw new Fault('forbidden', WORDS[reason])
}

function refusal({ clock }: IdentityDeps, actor: Actor): DenyReason | null {
  if (actor.kind === 'command_line') return null
  const { principal, door, address } = actor
  const decision = decide(principal, 'administer', ROOT, { door, address, now: clock.now(), mount: null })
  return decision.allow ? null : decision.reason
}

const WORDS: Readonly<Record<DenyReason, string>> = {
  door: 'this key is not for this door',
  address: 'this key is not for this address',
  time: 'this key is not for this time',
  not_before: 'this key is not valid yet',
  expired: 'this key has expired',
  door_scope: 'this key has no scope for this door',
  scope: 'this needs a key with the scope admin',
  role: 'only administrators may do this',
  base_path: 'this lies outside of the key’s base path',
  storage: 'this lies on a storage that the key does not have',
  grant: 'there is no grant for this',
}

/** The record of one change that the actor makes. */
export function auditEntry(
  { clock }: IdentityDeps,
  actor: Actor,
  change: { action: AuditAction; siteId: string; subject: string },
): AuditEntry {
  const principal = actor.kind === 'principal' ? actor.principal : null
  return {
    at: clock.now(),
    ...change,
    outcome: 'ok',
    reason: '',
    userId: principal?.user?.id ?? null,
    userName: principal?.user?.name ?? null,
    keyId: principal?.key?.id ?? null,
    keyName: principal?.key?.name ?? null,
    door: actor.kind === 'principal' ? actor.door : 'command_line',
    address: actor.kind === 'principal' ? actor.address : null,
  }
}
