import { type AuditWriter, createAuditWriter } from '#audit/writer.ts'
import { createGate, type GateWithSessions } from '#credentials/create-gate.ts'
import { createLastUses, type LastUses } from '#credentials/last-uses.ts'
import type { Clock } from '#credentials/ports.ts'
import { createFileService, type FileService } from '#files/service.ts'
import type { DoorLog } from '#protocols/protocol.ts'
import type { DataFolder } from './data-folder.ts'

/** Everything behind the doors. Disposal ends the sessions and writes what is still held. */
export type Core = AsyncDisposable & {
  readonly gate: GateWithSessions
  readonly files: FileService
  readonly audit: AuditWriter
  readonly lastUses: LastUses
}

export type CoreOptions = {
  readonly clock: Clock
  readonly log: Pick<DoorLog, 'warn' | 'error'>
  /** Milliseconds. */
  readonly revocationGrace: number
}

/** Puts the concrete parts together. The data folder stays the caller's to dispose, after this. */
export async function createCore(
  folder: DataFolder,
  { clock, log, revocationGrace }: CoreOptions,
): Promise<Core> {
  const { records, pepper, sealer } = folder
  const audit = createAuditWriter(records.audit.append, (error, lost) => {
    log.error({ err: error, lost }, 'audit entries could not be written')
  })
  const lastUses = createLastUses(records.lastUses.record, clock, (error) => {
    log.warn({ err: error }, 'last uses could not be written')
  })
  const { mounts, locks, metadata, uploads } = records
  const files = createFileService({ mounts, locks, metadata, uploads, clock, audit, log })
  await files.sweep()
  const gate = createGate({
    store: records.credentials,
    changes: records.changes,
    pepper,
    sealer,
    openFiles: files.openFor,
    forgetMounts: files.forgetMounts,
    audit,
    lastUses,
    clock,
    revocationGrace,
  })
  return {
    gate,
    files,
    audit,
    lastUses,
    async [Symbol.asyncDispose]() {
      gate.sessions.endAll('ended')
      gate[Symbol.dispose]()
      await files[Symbol.asyncDispose]()
      await lastUses[Symbol.asyncDispose]()
      await audit[Symbol.asyncDispose]()
    },
  }
}
