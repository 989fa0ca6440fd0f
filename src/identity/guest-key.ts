import { GUEST_NAME, type KeyRecord } from '#credentials/ports.ts'
import { Fault } from '#faults'
import { type Actor, administeredSite, auditEntry } from './actor.ts'
import { freeKeyId } from './create-key.ts'
import { commit, type IdentityDeps } from './deps.ts'
import { checkNameFor, type LimitsInput, readExpiry, readLimits } from './key-rules.ts'
import { checkDescription } from './names.ts'
import type { KeyDetails } from './ports.ts'

export type GuestKeyInput = LimitsInput & {
  /** `guest`, or absent. */
  readonly name?: string | undefined
  readonly description?: string | undefined
  /** Milliseconds since the epoch; null for never, absent for the site's default. */
  readonly expiresAt?: number | null | undefined
}

/**
 * Makes the site's guest key: what requests without any key may do (REQUIREMENTS.md, K1 and D8). It has no
 * value, and reads only unless scopes are named. Faults: forbidden, not_found, invalid, exists.
 */
export async function createGuestKey(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  input: GuestKeyInput,
): Promise<KeyDetails> {
  const site = await administeredSite(deps, actor, siteId)
  checkNameFor('guest', input.name ?? GUEST_NAME)
  checkDescription(input.description ?? '')
  const limits = readLimits('guest', input, await deps.store.mounts(site.id))
  const now = deps.clock.now()
  const expiresAt = readExpiry(site.settings, input.expiresAt, { now, madeAt: now })
  if ((await deps.store.keyByName(site.id, GUEST_NAME)) !== null) {
    throw new Fault('exists', 'this site has its guest key already')
  }
  const key: KeyRecord = {
    id: await freeKeyId(deps, site.id, GUEST_NAME),
    siteId: site.id,
    userId: null,
    type: 'guest',
    name: GUEST_NAME,
    description: input.description ?? '',
    ...limits,
    enabled: !site.settings.newKeysStartDisabled,
    expiresAt,
    createdAt: now,
  }
  const subject = `key ${key.id} ${key.name} (guest)`
  const audit = auditEntry(deps, actor, { action: 'key.create', siteId: site.id, subject })
  const disabledBy = key.enabled ? null : 'administrator'
  await commit(deps, deps.store.addKey({ key, value: null, pair: null, disabledBy }, audit))
  return {
    ...key,
    userName: null,
    siteName: site.name,
    accessKeyId: null,
    pairVersion: null,
    pairUse: null,
    disabledBy,
    values: [],
  }
}

/**
 * The guest key while it opens anything, for anybody who asks (REQUIREMENTS.md, D5); null otherwise.
 * Without a site it is that of the only one.
 */
export async function guestConfig(deps: IdentityDeps, siteId: string | null): Promise<KeyDetails | null> {
  const { store, clock } = deps
  const site = siteId === null ? await onlySite(deps) : await store.siteById(siteId)
  if (site === null || !site.enabled) return null
  const key = await store.keyByName(site.id, GUEST_NAME)
  if (key === null || key.type !== 'guest' || !key.enabled || key.scopes === 0) return null
  return key.expiresAt === null || clock.now() < key.expiresAt ? key : null
}

async function onlySite({ store }: IdentityDeps) {
  const [site, another] = await store.sites()
  return another === undefined ? (site ?? null) : null
}
