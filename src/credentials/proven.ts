import type { Principal } from '#permissions/principal.ts'
import type { Attempt } from './gate.ts'
import { judge, judgePerson, type RefusalReason } from './judge.ts'
import type { Account, KeyValueRecord, Person } from './ports.ts'
import { principalOf, principalOfPerson } from './principal.ts'

/** Somebody who proved who they are, and how. Whether they may come in is still to be judged. */
export type Proven =
  | { readonly by: 'value'; readonly account: Account; readonly value: KeyValueRecord }
  | { readonly by: 'pair'; readonly account: Account }
  | { readonly by: 'guest'; readonly account: Account }
  | { readonly by: 'password'; readonly person: Person }

/** Who an attempt was about, for the audit. */
export type Who = {
  readonly siteId: string
  readonly user: { readonly id: string; readonly name: string } | null
  readonly key: { readonly id: string; readonly name: string } | null
}

/** May they come in this way, now? Null for yes. */
export function judgeProven(
  proven: Proven,
  { door, address, siteId }: Pick<Attempt, 'door' | 'address' | 'siteId'>,
  now: number,
): RefusalReason | null {
  const at = { door, address, siteId, now }
  if (proven.by === 'password') return judgePerson(proven.person, at)
  return judge(proven.account, { ...at, valueStopsAt: stopOf(proven) })
}

/** What they may do. */
export function principalOfProven(proven: Proven): Principal {
  if (proven.by === 'password') return principalOfPerson(proven.person)
  return principalOf(proven.account, stopOf(proven))
}

export function whoProved(proven: Proven): Who {
  return proven.by === 'password' ? whoIsPerson(proven.person) : whoHas(proven.account)
}

/** The account's key and user. */
export function whoHas({ key, user }: Account): Who {
  return {
    siteId: key.siteId,
    user: user && { id: user.id, name: user.name },
    key: { id: key.id, name: key.name },
  }
}

export function whoIsPerson({ user }: Person): Who {
  return { siteId: user.siteId, user: { id: user.id, name: user.name }, key: null }
}

/** The id of the value or access key pair that was used; null for guests and people. */
export function usedId(proven: Proven): string | null {
  if (proven.by === 'value') return proven.value.id
  return proven.by === 'pair' ? (proven.account.pair?.accessKeyId ?? null) : null
}

function stopOf(proven: Proven): number | null {
  return proven.by === 'value' ? proven.value.stopsAt : null
}
