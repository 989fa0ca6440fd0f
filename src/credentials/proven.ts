import type { Principal } from '#permissions/principal.ts'
import type { Attempt } from './gate.ts'
import { judge, judgeInConsole, judgePerson, judgeSshKey, type RefusalReason } from './judge.ts'
import type { Account, KeyValueRecord, Person, SshKeyRecord } from './ports.ts'
import { principalOf, principalOfPerson } from './principal.ts'

/** Somebody who proved who they are, and how. Whether they may come in is still to be judged. */
export type Proven =
  | { readonly by: 'value'; readonly account: Account; readonly value: KeyValueRecord }
  | { readonly by: 'pair'; readonly account: Account }
  | { readonly by: 'guest'; readonly account: Account }
  | { readonly by: 'password'; readonly person: Person }
  | { readonly by: 'ssh_key'; readonly person: Person; readonly key: SshKeyRecord }
  /** The console's form: half of a login where there is a second factor. */
  | { readonly by: 'console'; readonly person: Person }
  /** A login in a browser, by its id, which ends at `until` at the latest. */
  | { readonly by: 'browser'; readonly person: Person; readonly id: string; readonly until: number }

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
  if (proven.by === 'ssh_key') return judgeSshKey(proven.person, at)
  if ('person' in proven) return judgeInConsole(proven.person, at)
  return judge(proven.account, { ...at, valueStopsAt: stopOf(proven) })
}

/** What they may do. */
export function principalOfProven(proven: Proven): Principal {
  if (proven.by === 'browser') return principalOfPerson(proven.person, proven.until)
  if ('person' in proven) return principalOfPerson(proven.person)
  return principalOf(proven.account, stopOf(proven))
}

export function whoProved(proven: Proven): Who {
  return 'person' in proven ? whoIsPerson(proven.person) : whoHas(proven.account)
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

/** The id of the value, access key pair or SSH key that was used; null for guests and other people. */
export function usedId(proven: Proven): string | null {
  if (proven.by === 'value') return proven.value.id
  if (proven.by === 'ssh_key') return proven.key.id
  return proven.by === 'pair' ? (proven.account.pair?.accessKeyId ?? null) : null
}

function stopOf(proven: Proven): number | null {
  return proven.by === 'value' ? proven.value.stopsAt : null
}
