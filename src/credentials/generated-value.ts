import type { Named } from './login-form.ts'
import type { Account } from './ports.ts'
import { type Proven, whoHas } from './proven.ts'
import { sameDigest } from './values.ts'
import { NOTHING_TO_REMEMBER, type Way, type WayDeps } from './way.ts'

type Form = { readonly keyId: string; readonly value: string; readonly named: Named }

// Compared where there is nothing to compare.
const DECOY_DIGEST = Buffer.alloc(32)

/** A generated value: it names its key, so one look-up and one HMAC tell. Nobody gets there by guessing. */
export function generatedValue({ store, memory, checks }: WayDeps, { keyId, value, named }: Form): Way {
  const digest = checks.digest(value)
  return {
    guess: null,
    remember: NOTHING_TO_REMEMBER,
    remembered() {
      const account = memory.accountByKeyId(keyId)
      const proven = provenBy(account, digest)
      return account !== null && fits(account, named) ? proven : null
    },
    async prove() {
      const account = await store.accountByKeyId(keyId)
      const proven = provenBy(account, digest)
      if (account === null) return { proven: [], reason: 'unknown', who: null }
      const who = whoHas(account)
      if (proven === null) return { proven: [], reason: 'wrong_value', who }
      return { proven: fits(account, named) ? [proven] : [], reason: 'other_login', who }
    },
  }
}

/** Does the login speak of this key? Its id or its name, or the value alone. */
export function fits({ key }: Account, named: Named): boolean {
  return named.kind === 'named' ? named.name === key.id || named.name === key.name : named.kind === 'alone'
}

function provenBy(account: Account | null, digest: Buffer): Proven | null {
  const value = account?.values.find((one) => one.digest !== null && sameDigest(one.digest, digest))
  if (account === null) sameDigest(DECOY_DIGEST, digest)
  return account === null || value === undefined ? null : { by: 'value', account, value }
}
