import type { Attempt } from './gate.ts'
import { fits } from './generated-value.ts'
import type { Named } from './login-form.ts'
import type { Account, KeyValueRecord } from './ports.ts'
import { type Proven, type Who, whoHas } from './proven.ts'
import type { Way, WayDeps } from './way.ts'

type Form = { readonly value: string; readonly named: Named }
type Candidate = { readonly account: Account; readonly value: KeyValueRecord; readonly hash: string }

/**
 * Verified for one attempt. A bucket holds one value in 65,536, so there is one candidate or none, unless the
 * same value was chosen on several sites.
 */
const MAX_CANDIDATES = 3

/**
 * A value that somebody chose (REQUIREMENTS.md, K5): found through 16 bits of its HMAC, so that one Argon2id
 * run tells whichever login and site were meant, and a decoy is verified where nothing was found.
 */
export function chosenValue(deps: WayDeps, attempt: Attempt, { value, named }: Form): Way {
  const { memory, verified, checks } = deps
  const { siteId } = attempt
  const name = named.kind === 'named' ? named.name : null
  const bucket = checks.bucket(value)
  const mark = verified.mark(['chosen', siteId, name, value])
  return {
    guess: { login: name === null ? null : `key ${siteId ?? ''} ${name}` },
    remembered() {
      const held = verified.recall(mark)
      const account = held?.keyId == null ? null : memory.accountByKeyId(held.keyId)
      const found = account?.values.find((one) => one.id === held?.valueId && one.hash === held.hash)
      return account && found ? { by: 'value', account, value: found } : null
    },
    async prove() {
      const [inBucket, who] = await Promise.all([
        deps.store.accountsByBucket(bucket),
        meant(deps, name, siteId),
      ])
      const candidates = inBucket.flatMap((account) => candidatesOf(account, bucket, named))
      const proven = await verify(deps, attempt, { value, mark, candidates: nearest(candidates, siteId) })
      return { proven, reason: who === null ? 'unknown' : 'wrong_value', who }
    },
    remember(proven) {
      if (proven.by !== 'value' || proven.value.hash === null) return
      const { key } = proven.account
      const { id: valueId, hash } = proven.value
      verified.remember(mark, { siteId: key.siteId, userId: key.userId, keyId: key.id, valueId, hash })
    },
  }
}

/** Whom the login speaks of, for the audit; two look-ups, because a name may look like an id. */
async function meant({ store }: WayDeps, name: string | null, siteId: string | null): Promise<Who | null> {
  if (name === null) return null
  const [byId, byName] = await Promise.all([
    store.accountByKeyId(name),
    store.accountsByKeyName(name, siteId),
  ])
  const account = byId ?? (byName.length === 1 ? byName[0] : undefined)
  return account === undefined ? null : whoHas(account)
}

function candidatesOf(account: Account, bucket: number, named: Named): Candidate[] {
  if (!fits(account, named)) return []
  return account.values.flatMap((value) =>
    value.hash !== null && value.bucket === bucket ? [{ account, value, hash: value.hash }] : [],
  )
}

function nearest(candidates: readonly Candidate[], siteId: string | null): readonly Candidate[] {
  const isElsewhere = ({ account }: Candidate) => Number(siteId !== null && account.key.siteId !== siteId)
  return candidates.toSorted((a, b) => isElsewhere(a) - isElsewhere(b)).slice(0, MAX_CANDIDATES)
}

async function verify(
  { checks }: WayDeps,
  { address }: Attempt,
  { value, mark, candidates }: { value: string; mark: string; candidates: readonly Candidate[] },
): Promise<readonly Proven[]> {
  if (candidates.length === 0) await checks.password(null, value, { address, mark })
  const proven: Proven[] = []
  for (const { account, value: found, hash } of candidates) {
    const isRight = await checks.password(hash, value, { address, mark })
    if (isRight) proven.push({ by: 'value', account, value: found })
  }
  return proven
}
