import type { RefusalReason } from './judge.ts'
import type { PasswordCheck } from './password-slots.ts'
import type { Account, Clock, CredentialStore, Person } from './ports.ts'
import type { AccessSecret } from './proof.ts'
import type { Proven, Who } from './proven.ts'
import type { VerifiedSecrets } from './verified-secrets.ts'

/**
 * One form of proof on its way through `authenticate()`. The number of HMACs, Argon2 runs and look-ups that
 * it takes depends on what was presented only, never on what the records hold, unless it succeeds
 * (REQUIREMENTS.md, R2).
 */
export type Way = {
  /** Whom memory alone lets prove it. It only ever helps to say yes: no is said after `prove()`. */
  remembered(): Proven | null
  /** The whole proof, against the records. */
  prove(): Promise<Outcome>
  /** For secrets that can be guessed: the login they are guessed at; null when the secret stands alone. */
  readonly guess: { readonly login: string | null } | null
  /** Called when a guessable secret let somebody in. */
  remember(proven: Proven): void
}

/** All who proved it; `reason` and `who` say why nobody did. */
export type Outcome = {
  readonly proven: readonly Proven[]
  readonly reason: RefusalReason
  readonly who: Who | null
}

/** What memory knows of credentials, kept true by the change feed. */
export type CredentialMemory = {
  accountByKeyId(keyId: string): Account | null
  accountByAccessKeyId(accessKeyId: string): Account | null
  guestAccount(siteId: string | null): Account | null
  personById(userId: string): Person | null
}

export type WayDeps = {
  readonly store: CredentialStore
  readonly memory: CredentialMemory
  readonly verified: VerifiedSecrets
  readonly checks: SecretChecks
  readonly clock: Clock
}

/** The steps that cost time. Tests count them. */
export type SecretChecks = {
  /** HMAC under the pepper. */
  digest(value: string): Buffer
  /** 16 bits of another HMAC under the pepper. */
  bucket(value: string): number
  /** Argon2id. */
  readonly password: PasswordCheck
  /** The pair's secret; the same object for the same account. A decoy for null and for keys without a pair. */
  secretOf(account: Account | null): AccessSecret
}

export const NOTHING_TO_REMEMBER = () => {}
