import type { LiveSessionStore } from '#audit/ports.ts'
import type {
  ChangeFeed,
  Clock,
  CredentialStore,
  PeopleStore,
  SealedStore,
  ThrottleStore,
} from '#credentials/ports.ts'
import type {
  LockStore,
  LostStore,
  MetadataStore,
  MountStore,
  PropertyStore,
  TrashStore,
  UploadStore,
  VersionStore,
} from '#files/ports.ts'
import type { IdentityStore } from '#identity/ports.ts'
import { type AuditStore, auditStore } from './audit.ts'
import { auditChain } from './audit-chain.ts'
import { changeFeed } from './changes.ts'
import { credentialStore } from './credentials.ts'
import { propertyStore } from './dead-properties.ts'
import type { Engine } from './engine.ts'
import { identityStore } from './identity.ts'
import { versionStore } from './kept-versions.ts'
import { type LastUseStore, lastUseStore } from './last-uses.ts'
import { liveSessionStore } from './live-sessions.ts'
import { lockStore } from './locks.ts'
import { lostStore } from './lost-uploads.ts'
import { metadataStore } from './metadata.ts'
import { migrate } from './migrate.ts'
import { mountStore } from './mounts.ts'
import { peopleStore } from './people-logins.ts'
import { sealedStore } from './sealed.ts'
import { type SecretStore, secretStore } from './secrets.ts'
import { openSqliteEngine, type StatementListener } from './sqlite.ts'
import { throttleStore } from './throttle.ts'
import { committer } from './transactions.ts'
import { trashStore } from './trash.ts'
import { uploadStore } from './uploads.ts'

/** Every store over one database. Disposal stops the feed and closes the database. */
export type Records = AsyncDisposable & {
  readonly credentials: CredentialStore
  readonly identity: IdentityStore
  readonly people: PeopleStore
  readonly mounts: MountStore
  readonly locks: LockStore
  readonly metadata: MetadataStore
  readonly properties: PropertyStore
  readonly versions: VersionStore
  readonly uploads: UploadStore
  readonly trash: TrashStore
  readonly lost: LostStore
  readonly audit: AuditStore
  readonly liveSessions: LiveSessionStore
  readonly changes: ChangeFeed
  readonly secrets: SecretStore
  readonly sealed: SealedStore
  readonly lastUses: LastUseStore
  readonly throttle: ThrottleStore
  /** Writes a consistent copy of the database, mode 0600, beside running servers. Fault: exists. */
  backup(file: string): Promise<void>
}

export type RecordsOptions = {
  readonly clock: Clock
  /** Told what a change listener threw; default: a process warning. */
  readonly onError?: (error: unknown) => void
  readonly onStatement?: StatementListener
}

/**
 * Opens a SQLite file, made with mode 0600 when it is missing, and brings its tables up to date.
 * Throws Error when the file is no database or was changed by a newer program.
 */
export async function openSqlite(file: string, options: RecordsOptions): Promise<Records> {
  return recordsOver(await openSqliteEngine(file, { onStatement: options.onStatement }), options)
}

async function recordsOver(engine: Engine, options: RecordsOptions): Promise<Records> {
  const { clock, onError = warn } = options
  const { db } = engine
  try {
    await migrate(engine, clock)
    const changes = await changeFeed(engine, { clock, onError })
    const chain = auditChain(clock)
    const commit = committer(db, clock, changes, chain)
    return {
      credentials: credentialStore(db),
      identity: identityStore(db, clock, commit),
      people: peopleStore(db, commit),
      mounts: mountStore(db),
      locks: lockStore(engine),
      metadata: metadataStore(engine),
      properties: propertyStore(engine),
      versions: versionStore(engine),
      uploads: uploadStore(engine),
      trash: trashStore(engine),
      lost: lostStore(engine),
      audit: auditStore(engine, chain),
      liveSessions: liveSessionStore(engine, commit),
      changes,
      secrets: secretStore(db),
      sealed: sealedStore(db),
      lastUses: lastUseStore(db),
      throttle: throttleStore(engine),
      backup: engine.backup,
      [Symbol.asyncDispose]: async () => {
        await changes[Symbol.asyncDispose]()
        await engine[Symbol.asyncDispose]()
      },
    }
  } catch (error) {
    await engine[Symbol.asyncDispose]()
    throw error
  }
}

function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error))
}
