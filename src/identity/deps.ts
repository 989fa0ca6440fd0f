import type { Clock } from '#credentials/ports.ts'
import type { Sealer } from '#credentials/sealing.ts'
import { type Pepper, randomText } from '#credentials/values.ts'
import type { IdentityStore } from './ports.ts'

/** What the use cases need. */
export type IdentityDeps = {
  readonly store: IdentityStore
  readonly pepper: Pepper
  readonly sealer: Pick<Sealer, 'seal'>
  readonly clock: Clock
  /** Reads the change feed at once, so that this process acts on its own change without waiting (R1). */
  readonly changed?: () => Promise<void>
}

const ID_LENGTH = 12

/** An id of a site, user, grant or value: random base62. */
export function newId(): string {
  return randomText(ID_LENGTH)
}

/** Waits for a change to be durable, then lets this process act on it. */
export async function commit(deps: IdentityDeps, change: Promise<void>): Promise<void> {
  await change
  // The change is made whatever happens here: the feed's own polling finds it.
  await deps.changed?.().catch(() => undefined)
}
