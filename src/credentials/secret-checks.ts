import { hash, randomBytes } from 'node:crypto'
import { createPasswordCheck, type PasswordCheck } from './password-slots.ts'
import type { Account } from './ports.ts'
import type { AccessSecret } from './proof.ts'
import { pairContext, type Sealer } from './sealing.ts'
import { bucketOf, digestValue, type Pepper } from './values.ts'
import type { SecretChecks } from './way.ts'

export type SecretCheckDeps = {
  readonly pepper: Pepper
  readonly sealer: Sealer
  readonly password?: PasswordCheck
}

export function createSecretChecks({ pepper, sealer, password }: SecretCheckDeps): SecretChecks {
  return {
    digest: rememberingDigests(pepper),
    bucket: (value) => bucketOf(pepper, value),
    password: password ?? createPasswordCheck(),
    secretOf: unsealer(sealer),
  }
}

const MOST_DIGESTS = 1_000

/**
 * HTTP clients present their value with each request, and an HMAC costs eight times the one hash under which its
 * result is remembered here: for right and wrong values alike, and nothing that the records do not hold too.
 */
function rememberingDigests(pepper: Pepper): (value: string) => Buffer {
  const salt = randomBytes(32).toString('hex')
  const held = new Map<string, Buffer>()
  return (value) => {
    const mark = hash('sha256', salt + value, 'hex')
    const known = held.get(mark)
    if (known !== undefined) return known
    if (held.size >= MOST_DIGESTS) held.clear()
    const digest = digestValue(pepper, value)
    held.set(mark, digest)
    return digest
  }
}

/** Names for logins that tell nothing of them, the same on every node: 128 bits of HMAC as text. */
export function loginHider(pepper: Pepper): (login: string) => string {
  return (login) => digestValue(pepper, `login\0${login}`).toString('base64url').slice(0, 22)
}

/** Opens each pair once: its secret lives as long as the account is remembered. */
function unsealer(sealer: Sealer): (account: Account | null) => AccessSecret {
  const opened = new WeakMap<Account, AccessSecret>()
  let decoy = sealer.seal(DECOY_TEXT, DECOY_CONTEXT)

  // Opened anew each time, as the pair of an account that comes from the records is.
  function openDecoy(): AccessSecret {
    if (sealer.isOutdated(decoy)) decoy = sealer.seal(DECOY_TEXT, DECOY_CONTEXT)
    return { text: sealer.open(decoy, DECOY_CONTEXT).toString() }
  }

  return (account) => {
    if (account === null || account.pair === null) return openDecoy()
    const held = opened.get(account)
    if (held !== undefined) return held
    const { sealed, version } = account.pair
    const secret = { text: sealer.open(sealed, pairContext(account.key.id, version)).toString() }
    opened.set(account, secret)
    return secret
  }
}

const DECOY_CONTEXT = 'decoy'
const DECOY_TEXT = '0'.repeat(40)
