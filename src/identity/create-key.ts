import type { AccessKeyPairRecord, KeyRecord } from '#credentials/ports.ts'
import { pairContext } from '#credentials/sealing.ts'
import { digestValue, maskValue, newAccessKeyPair, newKeyId, newKeyValue } from '#credentials/values.ts'
import { Fault } from '#faults'
import { type Actor, auditEntry, keyReach, type Reach, siteFor } from './actor.ts'
import { commit, type IdentityDeps, newId } from './deps.ts'
import { type LimitsInput, readExpiry, readLimits } from './key-rules.ts'
import { checkDescription, checkKeyName } from './names.ts'
import type { KeyDetails, SiteDetails, UserDetails } from './ports.ts'
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
}

/** A new key with its secrets, which nobody can read again (REQUIREMENTS.md, K4). */
export type IssuedKey = {
  readonly key: KeyDetails
  readonly value: string
  readonly pair: { readonly accessKeyId: string; readonly secretAccessKey: string } | null
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
  checkKeyName(input.name)
  checkDescription(input.description ?? '')
  checkType(reach, input)
  const limits = readLimits(input.type, input)
  const now = deps.clock.now()
  const expiresAt = readExpiry(site.settings, input.expiresAt, now)
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
    storages: null,
    conditions: {},
    enabled: !site.settings.newKeysStartDisabled,
    expiresAt,
    createdAt: now,
  }
  return issue(deps, actor, { site, user, key, pair: input.pair === true })
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
    const isOwn = 'id' in ref ? ref.id === reach.userId : ref.name === reach.userName
    if (!isOwn) throw new Fault('forbidden', 'only administrators make keys for others')
  }
  return findUser(deps, site.id, ref)
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

async function freeKeyId(deps: IdentityDeps, siteId: string, name: string): Promise<string> {
  const id = newKeyId()
  const isTaken = id === name || (await deps.store.keyByName(siteId, id)) !== null
  return isTaken ? freeKeyId(deps, siteId, name) : id
}

async function issue(
  deps: IdentityDeps,
  actor: Actor,
  made: { site: SiteDetails; user: UserDetails | null; key: KeyRecord; pair: boolean },
): Promise<IssuedKey> {
  const { site, user, key } = made
  const value = newKeyValue(key.id)
  const masked = maskValue(value)
  const record = { id: newId(), digest: digestValue(deps.pepper, value), stopsAt: null, masked }
  const pair = made.pair ? newAccessKeyPair() : null
  const sealed = pair === null ? null : sealPair(deps, key.id, pair)
  const subject = `key ${key.id} ${key.name} (${key.type})`
  const audit = auditEntry(deps, actor, { action: 'key.create', siteId: site.id, subject })
  await commit(deps, deps.store.addKey({ key, value: record, pair: sealed }, audit))
  const shown = { id: record.id, masked, createdAt: key.createdAt, stopsAt: null, lastUsedAt: null }
  const details: KeyDetails = {
    ...key,
    userName: user?.name ?? null,
    siteName: site.name,
    accessKeyId: pair?.accessKeyId ?? null,
    values: [shown],
  }
  return { key: details, value, pair }
}

function sealPair(
  deps: IdentityDeps,
  keyId: string,
  pair: { accessKeyId: string; secretAccessKey: string },
): AccessKeyPairRecord {
  const version = 1
  const sealed = deps.sealer.seal(pair.secretAccessKey, pairContext(keyId, version))
  return { accessKeyId: pair.accessKeyId, version, sealed }
}
