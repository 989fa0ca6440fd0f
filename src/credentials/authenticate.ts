import type { Principal } from '#permissions/principal.ts'
import type { Attempt } from './gate.ts'
import { judge, type RefusalReason } from './judge.ts'
import type { Account, Clock, CredentialStore, KeyValueRecord } from './ports.ts'
import { principalOf } from './principal.ts'
import type { AccessSecret } from './proof.ts'
import { digestValue, newKeyValue, type Pepper, readValue, sameDigest } from './values.ts'

export type AuthenticateDeps = {
  readonly store: CredentialStore
  readonly pepper: Pepper
  /** The pair's secret; the same object as long as the account is unchanged. */
  readonly secretOf: (account: Account) => AccessSecret | null
  readonly clock: Clock
}

/** `account` is who was meant, for the audit; null when nobody was found. */
export type Verdict =
  | {
      readonly ok: true
      readonly principal: Principal
      readonly account: Account
      /** The value that was used; null for an S3 signature. */
      readonly valueId: string | null
    }
  | { readonly ok: false; readonly reason: RefusalReason; readonly account: Account | null }

/** A proven match: the account, and the value that proved it (null: its S3 pair). */
type Match = { readonly account: Account; readonly value: KeyValueRecord | null }
type Found = Match | { readonly reason: RefusalReason; readonly account: Account | null }

/**
 * Who is there? The one function behind every door. Does the same work whether it finds somebody or not:
 * one look-up, one HMAC or signature, with a decoy where there is nothing to compare (REQUIREMENTS.md, R2).
 */
export async function authenticate(deps: AuthenticateDeps, attempt: Attempt): Promise<Verdict> {
  const found = await prove(deps, attempt)
  if ('reason' in found) return { ok: false, reason: found.reason, account: found.account }
  const { account, value } = found
  const valueStopsAt = value?.stopsAt ?? null
  const { door, address, siteId } = attempt
  const reason = judge(account, { door, address, siteId, valueStopsAt, now: deps.clock.now() })
  if (reason !== null) return { ok: false, reason, account }
  return { ok: true, principal: principalOf(account, valueStopsAt), account, valueId: value?.id ?? null }
}

function prove(deps: AuthenticateDeps, attempt: Attempt): Promise<Found> {
  const { proof } = attempt
  switch (proof.kind) {
    case 'none':
      return Promise.resolve({ reason: 'nothing_presented', account: null })
    case 'bearer':
      return proveValue(deps, proof.value, null)
    case 'password': {
      const login = readLogin(proof.login, proof.password, attempt.door)
      if (login === undefined) return proveValue(deps, DECOY_VALUE, null)
      return proveValue(deps, proof.password, login)
    }
    case 'sigv4':
      return proveSignature(deps, proof.accessKeyId, proof.matches)
  }
}

/**
 * The id or name that a login speaks of (REQUIREMENTS.md, D1); null when the value stands alone as both
 * user and password (WebDAV, D2); undefined when the login is of no known form.
 */
function readLogin(login: string, password: string, door: Attempt['door']): string | null | undefined {
  const named = /^@?api-(.+)$/su.exec(login)?.[1]
  if (named !== undefined) return named
  return door === 'webdav' && login === password ? null : undefined
}

// A well-formed value of no key: looked up and compared where there is nothing to compare.
const DECOY_VALUE = newKeyValue('00000000')
const DECOY_DIGEST = Buffer.alloc(32)
const DECOY_SECRET: AccessSecret = { text: 'decoy' }

async function proveValue(deps: AuthenticateDeps, value: string, named: string | null): Promise<Found> {
  const read = readValue(value)
  if (read.kind === 'mistyped') return { reason: 'mistyped', account: null }
  const account = await deps.store.accountByKeyId(read.kind === 'generated' ? read.keyId : '')
  const digest = digestValue(deps.pepper, value)
  const match = account?.values.find((candidate) => sameDigest(candidate.digest, digest))
  if (account === null) {
    sameDigest(DECOY_DIGEST, digest)
    return { reason: 'unknown', account: null }
  }
  if (match === undefined) return { reason: 'wrong_value', account }
  if (named !== null && named !== account.key.id && named !== account.key.name) {
    return { reason: 'other_login', account }
  }
  return { account, value: match }
}

async function proveSignature(
  deps: AuthenticateDeps,
  accessKeyId: string,
  matches: (secret: AccessSecret) => boolean,
): Promise<Found> {
  const account = await deps.store.accountByAccessKeyId(accessKeyId)
  const secret = account === null ? null : deps.secretOf(account)
  const right = matches(secret ?? DECOY_SECRET)
  if (account === null || secret === null) return { reason: 'unknown', account }
  return right ? { account, value: null } : { reason: 'wrong_value', account }
}
