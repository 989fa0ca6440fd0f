import type { KeyRecord } from '#credentials/ports.ts'
import { newKeyId } from '#credentials/values.ts'
import { Fault } from '#faults'
import { type Actor, auditEntry, keyReach, type Reach, siteFor } from './actor.ts'
import { commit, type IdentityDeps } from './deps.ts'
import { checkNameFor, type LimitsInput, readExpiry, readLimits } from './key-rules.ts'
import {
  type AccessKeyPair,
  checkChosenValue,
  makePair,
  makeValue,
  UNUSED,
  unusedValue,
} from './key-values.ts'
import { checkDescription } from './names.ts'
import type { DisabledBy, KeyDetails, SiteDetails, UserDetails } from './ports.ts'
import { findUser, type UserRef } from './users.ts'

export type NewKeyInput = LimitsInput & {
  readonly name: string
  readonly description?: string | undefined
  readonly type: 'site' | 'user'
  /** Of a user key; absent means the actor's own user. */
  readonly user?: UserRef | undefined
  /** Milliseconds since the epoch; null for never, absent for the site's default. */
  readonly expiresAt?: number | null | undefined
  /** Also makes an S3 access key pair; user keys only (REQUIREMENTS.md, K12). */
  readonly pair?: boolean | undefined
  /** A chosen value, where the site allows that; otherwise one is generated (REQUIREMENTS.md, K5). */
  readonly value?: string | undefined
}

/** A new key with its secrets, which nobody can read again (REQUIREMENTS.md, K4). */
export type IssuedKey = {
  readonly key: KeyDetails
  readonly value: string
  readonly pair: AccessKeyPair | null
}

/** Issues a key. Faults: forbidden, not_found, invalid, exists. */
export async function createKey(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  input: NewKeyInput,
): Promise<IssuedKey> {
  const site = await siteFor(deps, actor, siteId)
  const reach = keyReach(deps, actor, site)
  checkNameFor(input.type, input.name)
  checkDescription(input.description ?? '')
  checkType(reach, input)
  if (input.value !== undefined) checkChosenValue(site.settings, input.value)
  const limits = readLimits(input.type, input, await deps.store.mounts(site.id))
  const now = deps.clock.now()
  const expiresAt = readExpiry(site.settings, input.expiresAt, { now, madeAt: now })
  const user = input.type === 'site' ? null : await keyUser(deps, actor, reach, site, input.user)
  await refuseTakenName(deps, site.id, input.name)
  const key: KeyRecord = {
    id: await freeKeyId(deps, site.id, input.name),
    siteId: site.id,
    userId: user?.id ?? null,
    type: input.type,
    name: input.name,
    description: input.description ?? '',
    ...limits,
    enabled: !site.settings.newKeysStartDisabled,
    expiresAt,
    createdAt: now,
  }
  return issue(deps, actor, { site, user, key, chosen: input.value, pair: input.pair === true })
}

function checkType(reach: Reach, { type, user, pair }: NewKeyInput): void {
  if (type !== 'site') return
  if (reach.kind === 'own') throw new Fault('forbidden', 'only administrators make site keys')
  if (user !== undefined) throw new Fault('invalid', 'a site key is bound to no user')
  if (pair) throw new Fault('invalid', 'only user keys can have an S3 access key pair')
}

async function keyUser(
  deps: IdentityDeps,
  actor: Actor,
  reach: Reach,
  site: SiteDetails,
  asked: UserRef | undefined,
): Promise<UserDetails> {
  const self =
    actor.kind === 'principal' && actor.principal.user ? { id: actor.principal.user.id } : undefined
  const ref = asked ?? self
  if (ref === undefined) throw new Fault('invalid', 'a user key needs a user')
  if (reach.kind === 'own') {
    if (!isOwn(reach, ref)) throw new Fault('forbidden', 'only administrators make keys for others')
  }
  return findUser(deps, site.id, ref)
}

/** In whose name an actor of this reach disables a key. */
export function whoDisables(reach: Reach): DisabledBy {
  return reach.kind === 'own' ? 'owner' : 'administrator'
}

/** True when the user is the one whose keys the actor may touch. */
export function isOwn(reach: Extract<Reach, { kind: 'own' }>, ref: UserRef): boolean {
  return 'id' in ref ? ref.id === reach.userId : ref.name === reach.userName
}

/** A login may hold a key's name or id, so neither may shadow another key's. Fault: exists. */
export async function refuseTakenName(
  deps: IdentityDeps,
  siteId: string,
  name: string,
  ownId?: string,
): Promise<void> {
  const [named, numbered] = await Promise.all([
    deps.store.keyByName(siteId, name),
    deps.store.keyById(siteId, name),
  ])
  if (named !== null && named.id !== ownId) throw new Fault('exists', `there is a key '${name}' already`)
  if (numbered !== null && numbered.id !== ownId) throw new Fault('exists', `'${name}' is another key’s id`)
}

/** An id that is no key’s name. */
export async function freeKeyId(deps: IdentityDeps, siteId: string, name: string): Promise<string> {
  const id = newKeyId()
  const isTaken = id === name || (await deps.store.keyByName(siteId, id)) !== null
  return isTaken ? freeKeyId(deps, siteId, name) : id
}

async function issue(
  deps: IdentityDeps,
  actor: Actor,
  made: {
    site: SiteDetails
    user: UserDetails | null
    key: KeyRecord
    chosen: string | undefined
    pair: boolean
  },
): Promise<IssuedKey> {
  const { site, user, key } = made
  const value = await makeValue(deps, key.id, made.chosen)
  const pair = made.pair ? makePair(deps, key.id, 1) : null
  const subject = `key ${key.id} ${key.name} (${key.type})`
  const audit = auditEntry(deps, actor, { action: 'key.create', siteId: site.id, subject })
  const disabledBy = key.enabled ? null : whoDisables(keyReach(deps, actor, site))
  await commit(
    deps,
    deps.store.addKey({ key, value: value.kept, pair: pair?.kept ?? null, disabledBy }, audit),
  )
  const details: KeyDetails = {
    ...key,
    userName: user?.name ?? null,
    siteName: site.name,
    accessKeyId: pair?.shown.accessKeyId ?? null,
    pairVersion: pair?.kept.version ?? null,
    pairUse: pair && UNUSED,
    disabledBy,
    values: [unusedValue(value.kept)],
  }
  return { key: details, value: value.shown, pair: pair?.shown ?? null }
}
