import type { AccessSecret } from './proof.ts'
import { whoHas } from './proven.ts'
import { NOTHING_TO_REMEMBER, type Way, type WayDeps } from './way.ts'

type Form = { readonly accessKeyId: string; matches(secret: AccessSecret): boolean }

// What doors derive from a remembered secret is remembered too; so it is with this one.
const REMEMBERED_DECOY: AccessSecret = { text: 'decoy' }

/** A SigV4 signature: compared with the remembered secret, then with the one in the records, or decoys. */
export function signature({ store, memory, checks }: WayDeps, { accessKeyId, matches }: Form): Way {
  return {
    guess: null,
    remember: NOTHING_TO_REMEMBER,
    remembered() {
      const account = memory.accountByAccessKeyId(accessKeyId)
      const isRight = matches(account === null ? REMEMBERED_DECOY : checks.secretOf(account))
      return account !== null && isRight ? { by: 'pair', account } : null
    },
    async prove() {
      const account = await store.accountByAccessKeyId(accessKeyId)
      const isRight = matches(checks.secretOf(account))
      if (account === null || account.pair === null) return { proven: [], reason: 'unknown', who: null }
      return { proven: isRight ? [{ by: 'pair', account }] : [], reason: 'wrong_value', who: whoHas(account) }
    },
  }
}
