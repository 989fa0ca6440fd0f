import { newRecoveryCodes, recoveryDigest } from '#credentials/recovery.ts'
import { base32, matchTotp, newTotpSecret, totpContext, totpUri } from '#credentials/totp.ts'
import { Fault } from '#faults'
import { type Actor, administeredSite, auditEntry } from './actor.ts'
import { commit, type IdentityDeps } from './deps.ts'
import { personOf } from './own-account.ts'
import type { UserDetails } from './ports.ts'
import { findUser, type UserRef } from './users.ts'

/** `pending`: begun, and waiting for its first code. */
export type SecondFactorState = {
  readonly state: 'off' | 'pending' | 'on'
  /** Milliseconds since the epoch. */
  readonly since: number | null
  readonly recoveryCodes: number
}

/** A secret to be put into an authenticator: as text to type, and as what a QR code holds. */
export type NewSecondFactor = { readonly secret: string; readonly uri: string }

/** How one's own second factor stands. Fault: forbidden. */
export async function secondFactorOf(deps: IdentityDeps, actor: Actor): Promise<SecondFactorState> {
  return stateOf(deps, personOf(actor).userId)
}

/** How a user's second factor stands. Faults: forbidden, not_found. */
export async function secondFactorOfUser(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  ref: UserRef,
): Promise<SecondFactorState> {
  const site = await administeredSite(deps, actor, siteId)
  return stateOf(deps, (await findUser(deps, site.id, ref)).id)
}

async function stateOf({ store }: IdentityDeps, userId: string): Promise<SecondFactorState> {
  const held = await store.secondFactor(userId)
  if (held === null) return { state: 'off', since: null, recoveryCodes: 0 }
  const { confirmedAt, recoveryCodes } = held
  return { state: confirmedAt === null ? 'pending' : 'on', since: confirmedAt, recoveryCodes }
}

/** Makes a secret that counts from its first right code on. Faults: forbidden, exists. */
export async function beginSecondFactor(deps: IdentityDeps, actor: Actor): Promise<NewSecondFactor> {
  const { userId } = personOf(actor)
  if ((await stateOf(deps, userId)).state === 'on') {
    throw new Fault('exists', 'there is a second factor already; remove it first')
  }
  const secret = newTotpSecret()
  await deps.store.beginSecondFactor(userId, deps.sealer.seal(secret, totpContext(userId)), deps.clock.now())
  return shown(deps, actor, secret)
}

/** The secret that waits for its first code, again. Faults: forbidden, not_found. */
export async function pendingSecondFactor(deps: IdentityDeps, actor: Actor): Promise<NewSecondFactor> {
  return shown(deps, actor, await pendingSecret(deps, personOf(actor).userId))
}

async function pendingSecret({ store, sealer }: IdentityDeps, userId: string): Promise<Buffer> {
  const held = await store.secondFactor(userId)
  if (held?.confirmedAt !== null) throw new Fault('not_found', 'no second factor waits for its first code')
  return sealer.open(held.sealed, totpContext(userId))
}

async function shown({ store }: IdentityDeps, actor: Actor, secret: Buffer): Promise<NewSecondFactor> {
  const { siteId, userName } = personOf(actor)
  const site = await store.siteById(siteId)
  return { secret: base32(secret), uri: totpUri(secret, 'Latchkey', `${userName}@${site?.name ?? ''}`) }
}

/**
 * Turns the second factor on with its first code; from then on a password alone opens nothing. Resolves with
 * the recovery codes, which are shown once. Other logins in browsers end. Faults: forbidden, not_found, invalid.
 */
export async function confirmSecondFactor(
  deps: IdentityDeps,
  actor: Actor,
  code: string,
  keepBrowser?: string,
): Promise<readonly string[]> {
  const { siteId, userId, userName } = personOf(actor)
  const now = deps.clock.now()
  const step = matchTotp(await pendingSecret(deps, userId), code, now)
  if (step === null) throw new Fault('invalid', 'this is not the code that the authenticator shows now')
  const codes = newRecoveryCodes()
  const digests = codes.map((one) => recoveryDigest(deps.pepper, userId, one))
  const subject = `user ${userName} second factor on`
  const audit = auditEntry(deps, actor, { action: 'user.update', siteId, subject })
  const given = { step, codes: digests, now, keepBrowser }
  await commit(deps, deps.store.confirmSecondFactor({ siteId, userId }, given, audit))
  return codes
}

/** Turns one's own second factor off. The password has been proven by then. Faults: forbidden, not_found. */
export async function removeOwnSecondFactor(deps: IdentityDeps, actor: Actor): Promise<void> {
  const { siteId, userId, userName } = personOf(actor)
  await remove(deps, actor, { siteId, id: userId, name: userName })
}

/** Turns a user's second factor off: for those who lost it. Faults: forbidden, not_found. */
export async function removeSecondFactor(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  ref: UserRef,
): Promise<void> {
  const site = await administeredSite(deps, actor, siteId)
  await remove(deps, actor, await findUser(deps, site.id, ref))
}

async function remove(
  deps: IdentityDeps,
  actor: Actor,
  { siteId, id: userId, name }: Pick<UserDetails, 'siteId' | 'id' | 'name'>,
): Promise<void> {
  const subject = `user ${name} second factor off`
  const audit = auditEntry(deps, actor, { action: 'user.update', siteId, subject })
  await commit(deps, deps.store.removeSecondFactor({ siteId, userId }, audit))
}

/** Ten new recovery codes instead of those before, shown once. Faults: forbidden, not_found. */
export async function renewRecoveryCodes(deps: IdentityDeps, actor: Actor): Promise<readonly string[]> {
  const { siteId, userId, userName } = personOf(actor)
  if ((await stateOf(deps, userId)).state !== 'on') throw new Fault('not_found', 'there is no second factor')
  const codes = newRecoveryCodes()
  const digests = codes.map((one) => recoveryDigest(deps.pepper, userId, one))
  const subject = `user ${userName} new recovery codes`
  const audit = auditEntry(deps, actor, { action: 'user.update', siteId, subject })
  await commit(deps, deps.store.replaceRecoveryCodes({ siteId, userId }, digests, audit))
  return codes
}
