import type { AuditReader, LiveSessionReader } from '#audit/ports.ts'
import type { Clock, Foresee } from '#credentials/ports.ts'
import type { Sealer } from '#credentials/sealing.ts'
import { type Pepper, randomText } from '#credentials/values.ts'
import type { IdentityStore } from './ports.ts'

/** What the use cases need. */
export type IdentityDeps = {
  readonly store: IdentityStore
  readonly pepper: Pepper
  readonly sealer: Pick<Sealer, 'seal' | 'open'>
  readonly clock: Clock
  readonly audit: AuditReader
  readonly liveSessions: LiveSessionReader
  /** What login and files would answer to a use of a key; without, nobody can ask. */
  readonly foresee?: Foresee
  /** Makes an empty folder for a mount that is added over the API; without, the command line adds them. */
  readonly newFolder?: (siteId: string) => Promise<string>
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
