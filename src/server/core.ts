import { publishSessions, type SessionBoard } from '#audit/live-sessions.ts'
import { keepAudit } from '#audit/retention.ts'
import { type AuditWriter, createAuditWriter } from '#audit/writer.ts'
import { createGate, type GateWithSessions } from '#credentials/create-gate.ts'
import { createLastUses, type LastUses } from '#credentials/last-uses.ts'
import type { Clock } from '#credentials/ports.ts'
import { loginHider } from '#credentials/secret-checks.ts'
import { createThrottle } from '#credentials/throttle.ts'
import { syncThrottle } from '#credentials/throttle-sync.ts'
import { keepTrashClean } from '#files/keep-trash.ts'
import { createFileService, type FileService } from '#files/service.ts'
import type { DoorLog } from '#protocols/protocol.ts'
import type { DataFolder } from './data-folder.ts'

/** Everything behind the doors. Disposal ends the sessions and writes what is still held. */
export type Core = AsyncDisposable & {
  readonly gate: GateWithSessions
  readonly files: FileService
  readonly audit: AuditWriter
  readonly lastUses: LastUses
  readonly liveSessions: SessionBoard
}

export type CoreOptions = {
  readonly clock: Clock
  readonly log: Pick<DoorLog, 'warn' | 'error'>
  /** Milliseconds. */
  readonly revocationGrace: number
  /** Milliseconds for which audit entries are kept; null (the default) for ever. */
  readonly auditRetention?: number | null
  /** Records each download too; default false. */
  readonly auditReads?: boolean
}

/** Puts the concrete parts together. The data folder stays the caller's to dispose, after this. */
export async function createCore(
  folder: DataFolder,
  { clock, log, revocationGrace, auditRetention = null, auditReads = false }: CoreOptions,
): Promise<Core> {
  const { records, pepper, sealer } = folder
  const audit = createAuditWriter(records.audit.append, (error, lost) => {
    log.error({ err: error, lost }, 'audit entries could not be written')
  })
  const lastUses = createLastUses(records.lastUses.record, clock, (error) => {
    log.warn({ err: error }, 'last uses could not be written')
  })
  const { mounts, locks, metadata, uploads, trash } = records
  const files = createFileService({ mounts, locks, metadata, uploads, trash, clock, audit, auditReads, log })
  await files.sweep()
  const cleaner = keepTrashClean(files.cleanTrash, (error) =>
    log.warn({ err: error }, 'the trash could not be cleaned'),
  )
  const throttle = createThrottle(clock, loginHider(pepper))
  const gate = createGate({
    store: records.credentials,
    changes: records.changes,
    pepper,
    sealer,
    throttle,
    openFiles: files.openFor,
    forgetMounts: files.forgetMounts,
    audit,
    lastUses,
    clock,
    revocationGrace,
  })
  const onError = (error: unknown) => log.warn({ err: error }, 'audit or live sessions could not be kept up')
  const retention = keepAudit(auditRetention, { prune: records.audit.prune, clock, onError })
  const liveSessions = publishSessions({
    list: gate.sessions.list,
    store: records.liveSessions,
    clock,
    onError,
  })
  const throttled = syncThrottle({
    throttle,
    store: records.throttle,
    clock,
    onError: (error) => log.warn({ err: error }, 'counts of wrong guesses could not be shared'),
  })
  return {
    gate,
    files,
    audit,
    lastUses,
    liveSessions,
    async [Symbol.asyncDispose]() {
      gate.sessions.endAll('ended')
      gate[Symbol.dispose]()
      await throttled[Symbol.asyncDispose]()
      await liveSessions[Symbol.asyncDispose]()
      await retention[Symbol.asyncDispose]()
      await cleaner[Symbol.asyncDispose]()
      await files[Symbol.asyncDispose]()
      await lastUses[Symbol.asyncDispose]()
      await audit[Symbol.asyncDispose]()
    },
  }
}
