import type { Principal } from '#permissions/principal.ts'
import type { Attempt } from './gate.ts'
import type { Clock, CredentialStore, PeopleStore } from './ports.ts'
import { judgeProven, type Proven, principalOfProven } from './proven.ts'
import type { CredentialMemory } from './way.ts'

export type RenewalDeps = {
  readonly memory: CredentialMemory
  readonly store: CredentialStore
  readonly clock: Clock
  readonly people: Pick<PeopleStore, 'hasBrowser'>
}

/** What the same login would give now, without its proof; null when it would be refused. */
export async function renew(
  deps: RenewalDeps,
  proven: Proven,
  attempt: Pick<Attempt, 'door' | 'address' | 'siteId'>,
): Promise<Principal | null> {
  const now = await stillProven(deps, proven)
  if (now === null || judgeProven(now, attempt, deps.clock.now()) !== null) return null
  return principalOfProven(now)
}

/** The value, pair, password or SSH key that was proven must still be theirs. */
async function stillProven(deps: RenewalDeps, proven: Proven): Promise<Proven | null> {
  const { memory, store } = deps
  if (proven.by === 'browser') {
    const { user } = proven.person
    const person = memory.personById(user.id) ?? (await store.personById(user.id))
    return person !== null && (await deps.people.hasBrowser(proven.id)) ? { ...proven, person } : null
  }
  if (proven.by === 'ssh_key') {
    const { user } = proven.person
    const person = memory.personById(user.id) ?? (await store.personById(user.id))
    const stays = person?.sshKeys?.some(({ id }) => id === proven.key.id) === true
    return person !== null && stays ? { ...proven, person } : null
  }
  if ('person' in proven) {
    const { user, passwordHash } = proven.person
    const person = memory.personById(user.id) ?? (await store.personById(user.id))
    return person !== null && person.passwordHash === passwordHash ? { ...proven, person } : null
  }
  const { key, pair } = proven.account
  const account = memory.accountByKeyId(key.id) ?? (await store.accountByKeyId(key.id))
  if (account === null) return null
  switch (proven.by) {
    case 'value': {
      const value = account.values.find(({ id }) => id === proven.value.id)
      return value === undefined ? null : { by: 'value', account, value }
    }
    case 'pair':
      return account.pair?.accessKeyId === pair?.accessKeyId ? { by: 'pair', account } : null
    case 'guest':
      return { by: 'guest', account }
  }
}
