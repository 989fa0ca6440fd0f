import type { AuditAction } from '#audit/ports.ts'
import { Fault } from '#faults'
import { parsePath } from '#permissions/path.ts'
import { type Actor, auditEntry, keyReach, type Reach, siteFor } from './actor.ts'
import { refuseTakenName } from './create-key.ts'
import { commit, type IdentityDeps } from './deps.ts'
import { type LimitsInput, readExpiry, readScopes, refuseLimits } from './key-rules.ts'
import { checkDescription, checkKeyName } from './names.ts'
import type { KeyDetails, KeyPatch, SiteDetails } from './ports.ts'

export type KeyChanges = LimitsInput & {
  readonly name?: string | undefined
  readonly description?: string | undefined
  readonly enabled?: boolean | undefined
  /** Milliseconds since the epoch; null for never. */
  readonly expiresAt?: number | null | undefined
}

/** The keys that the actor may touch, oldest first. Fault: forbidden. */
export async function listKeys(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
): Promise<readonly KeyDetails[]> {
  const site = await siteFor(deps, actor, siteId)
  const reach = keyReach(deps, actor, site)
  const filter = reach.kind === 'own' ? { userId: reach.userId } : undefined
  return (await deps.store.keys(site.id, filter)).toSorted(byAge)
}

/** Oldest first; the order of lists and pages. */
export function byAge(
  a: Pick<KeyDetails, 'createdAt' | 'id'>,
  b: Pick<KeyDetails, 'createdAt' | 'id'>,
): number {
  return a.createdAt - b.createdAt || (a.id < b.id ? -1 : Number(a.id > b.id))
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
  const asked = text.replace(/^@api-/, '')
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
  const { site, key } = await reachKey(deps, actor, siteId, keyId)
  const patch = readChanges(deps, site, key, changes)
  if (patch.name !== undefined) await refuseTakenName(deps, site.id, patch.name, key.id)
  const fields = Object.keys(patch)
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

async function reachKey(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  keyId: string,
): Promise<{ site: SiteDetails; key: KeyDetails }> {
  const site = await siteFor(deps, actor, siteId)
  const reach = keyReach(deps, actor, site)
  const key = await deps.store.keyById(site.id, keyId)
  if (key === null || !reaches(reach, key)) throw new Fault('not_found', `there is no key '${keyId}'`)
  return { site, key }
}

function reaches(reach: Reach, key: KeyDetails): boolean {
  return reach.kind === 'site' || (key.type === 'user' && key.userId === reach.userId)
}

function readChanges(deps: IdentityDeps, site: SiteDetails, key: KeyDetails, changes: KeyChanges): KeyPatch {
  const { name, description, enabled, scopes, basePath, expiresAt } = changes
  if (name !== undefined) checkKeyName(name)
  if (description !== undefined) checkDescription(description)
  if (key.type === 'site') refuseLimits(changes)
  return {
    ...(name === undefined ? {} : { name }),
    ...(description === undefined ? {} : { description }),
    ...(enabled === undefined ? {} : { enabled }),
    ...(scopes === undefined ? {} : { scopes: readScopes(scopes) }),
    ...(basePath === undefined ? {} : { basePath: parsePath(basePath) }),
    ...(expiresAt === undefined ? {} : { expiresAt: readExpiry(site.settings, expiresAt, deps.clock.now()) }),
  }
}

function actionOf({ enabled }: KeyPatch): AuditAction {
  if (enabled === undefined) return 'key.update'
  return enabled ? 'key.enable' : 'key.disable'
}
