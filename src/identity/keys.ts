import type { AuditAction } from '#audit/ports.ts'
import type { KeyType } from '#credentials/ports.ts'
import { Fault } from '#faults'
import { type Actor, auditEntry, keyReach, type Reach, siteFor } from './actor.ts'
import { isOwn, refuseTakenName, whoDisables } from './create-key.ts'
import { commit, type IdentityDeps } from './deps.ts'
import { checkNameFor, type LimitsInput, readExpiry, readNamedLimits } from './key-rules.ts'
import { checkDescription } from './names.ts'
import type { KeyDetails, KeyPatch, KeyPlace, KeyState, SiteDetails } from './ports.ts'
import { findUser, type UserRef } from './users.ts'

export type KeyChanges = LimitsInput & {
  readonly name?: string | undefined
  readonly description?: string | undefined
  readonly enabled?: boolean | undefined
  /** Milliseconds since the epoch; null for never. */
  readonly expiresAt?: number | null | undefined
}

/** Which keys are listed: all that is named must fit. */
export type KeyListing = {
  readonly user?: UserRef | undefined
  readonly type?: KeyType | undefined
  readonly state?: KeyState | undefined
  /** Only those after this one. */
  readonly after?: KeyPlace | undefined
  /** 1000 unless said otherwise. */
  readonly limit?: number | undefined
}

const MOST_AT_ONCE = 1_000

/** The keys that the actor may touch, oldest first, one page of them. Faults: forbidden, not_found. */
export async function listKeys(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  listing: KeyListing = {},
): Promise<readonly KeyDetails[]> {
  const site = await siteFor(deps, actor, siteId)
  const reach = keyReach(deps, actor, site)
  const { type, state, after, limit = MOST_AT_ONCE } = listing
  const userId = await listedUser(deps, reach, site.id, listing.user)
  return deps.store.keys(site.id, {
    userId,
    type: reach.kind === 'own' ? 'user' : type,
    state: state && { is: state, now: deps.clock.now() },
    after,
    limit,
  })
}

async function listedUser(
  deps: IdentityDeps,
  reach: Reach,
  siteId: string,
  asked: UserRef | undefined,
): Promise<string | undefined> {
  if (reach.kind === 'own') {
    if (asked === undefined || isOwn(reach, asked)) return reach.userId
    throw new Fault('forbidden', 'only administrators see the keys of others')
  }
  return asked === undefined ? undefined : (await findUser(deps, siteId, asked)).id
}

/** One key by its id. Somebody else's looks as if it were not there. Faults: forbidden, not_found. */
export async function getKey(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  keyId: string,
): Promise<KeyDetails> {
  return (await reachKey(deps, actor, siteId, keyId)).key
}

/** One key by its id, its name or its login. Faults: forbidden, not_found. */
export async function findKey(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  text: string,
): Promise<KeyDetails> {
  const asked = text.replace(/^@?api-/, '')
  const named = await deps.store.keyByName(siteId, asked)
  return getKey(deps, actor, siteId, named?.id ?? asked)
}

/** Changes what is named and leaves the rest. Faults: forbidden, not_found, invalid, exists. */
export async function updateKey(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  keyId: string,
  changes: KeyChanges,
): Promise<KeyDetails> {
  const { site, key, reach } = await reachKey(deps, actor, siteId, keyId)
  const patch = { ...(await readChanges(deps, site, key, changes)), ...switched(reach, key, changes.enabled) }
  if (patch.name !== undefined) await refuseTakenName(deps, site.id, patch.name, key.id)
  const fields = Object.keys(patch).filter((field) => field !== 'disabledBy')
  if (fields.length === 0) throw new Fault('invalid', 'there is nothing to change')
  const subject = `key ${key.id} ${key.name} (${fields.join(', ')})`
  const audit = auditEntry(deps, actor, { action: actionOf(patch), siteId: site.id, subject })
  await commit(deps, deps.store.updateKey(site.id, key.id, patch, audit))
  return { ...key, ...patch }
}

/** Stops the key and its sessions at once; its row stays (REQUIREMENTS.md, K7). */
export function disableKey(deps: IdentityDeps, actor: Actor, siteId: string, keyId: string) {
  return updateKey(deps, actor, siteId, keyId, { enabled: false })
}

/** Lets a disabled key work again. */
export function enableKey(deps: IdentityDeps, actor: Actor, siteId: string, keyId: string) {
  return updateKey(deps, actor, siteId, keyId, { enabled: true })
}

/** Removes the key for good; audit entries made through it remain (REQUIREMENTS.md, K8). */
export async function deleteKey(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  keyId: string,
): Promise<KeyDetails> {
  const { site, key } = await reachKey(deps, actor, siteId, keyId)
  const subject = `key ${key.id} ${key.name}`
  const audit = auditEntry(deps, actor, { action: 'key.delete', siteId: site.id, subject })
  await commit(deps, deps.store.deleteKey(site.id, key.id, audit))
  return key
}

/** A key that the actor may touch, with its site. Faults: forbidden, not_found. */
export async function reachKey(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  keyId: string,
): Promise<{ site: SiteDetails; key: KeyDetails; reach: Reach }> {
  const site = await siteFor(deps, actor, siteId)
  const reach = keyReach(deps, actor, site)
  const key = await deps.store.keyById(site.id, keyId)
  if (key === null || !reaches(reach, key)) throw new Fault('not_found', `there is no key '${keyId}'`)
  return { site, key, reach }
}

function reaches(reach: Reach, key: KeyDetails): boolean {
  return reach.kind === 'site' || (key.type === 'user' && key.userId === reach.userId)
}

/** What an administrator disabled only an administrator enables. Fault: forbidden. */
function switched(reach: Reach, key: KeyDetails, enabled: boolean | undefined): KeyPatch {
  if (enabled === undefined) return {}
  const isKept = reach.kind === 'own' && key.disabledBy === 'administrator'
  if (enabled && isKept) throw new Fault('forbidden', 'an administrator disabled this key')
  if (enabled) return { enabled, disabledBy: null }
  return { enabled, disabledBy: isKept ? 'administrator' : whoDisables(reach) }
}

async function readChanges(
  deps: IdentityDeps,
  site: SiteDetails,
  key: KeyDetails,
  changes: KeyChanges,
): Promise<KeyPatch> {
  const { name, description, expiresAt } = changes
  if (name !== undefined) checkNameFor(key.type, name)
  if (description !== undefined) checkDescription(description)
  const mounts = changes.storages ? await deps.store.mounts(site.id) : []
  const at = { now: deps.clock.now(), madeAt: key.createdAt }
  return {
    ...(name === undefined ? {} : { name }),
    ...(description === undefined ? {} : { description }),
    ...readNamedLimits(key, changes, mounts),
    ...(expiresAt === undefined ? {} : { expiresAt: readExpiry(site.settings, expiresAt, at) }),
  }
}

function actionOf({ enabled }: KeyPatch): AuditAction {
  if (enabled === undefined) return 'key.update'
  return enabled ? 'key.enable' : 'key.disable'
}
