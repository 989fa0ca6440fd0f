import { publishSessions, type SessionBoard } from '#audit/live-sessions.ts'
import type { AuditEntry } from '#audit/ports.ts'
import { type AuditWriter, createAuditWriter } from '#audit/writer.ts'
import { createGate, type GateWithSessions } from '#credentials/create-gate.ts'
import { createLastUses, type LastUses } from '#credentials/last-uses.ts'
import { createPasswordCheck } from '#credentials/password-slots.ts'
import type { BrowserLimits } from '#credentials/people.ts'
import type { Clock, Neighbours } from '#credentials/ports.ts'
import { loginHider } from '#credentials/secret-checks.ts'
import { createThrottle } from '#credentials/throttle.ts'
import { syncThrottle } from '#credentials/throttle-sync.ts'
import type { LostLimits } from '#files/lost.ts'
import type { OpenMount } from '#files/mount-table.ts'
import type { Mutex } from '#files/mutex.ts'
import { createFileService, type FileService } from '#files/service.ts'
import type { DoorLog } from '#protocols/protocol.ts'
import type { DataFolder } from './data-folder.ts'
import type { CoreObserver } from './metrics.ts'
import { startTending } from './tending.ts'

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
  /** Of logins in browsers; see FACTORY_BROWSER_LIMITS. */
  readonly browserLimits?: BrowserLimits | undefined
  /** Records each download too; default false. */
  readonly auditReads?: boolean
  /** Days after which a multipart upload that gets no more parts is ended; default 7, 0 for never. */
  readonly uploadDays?: number
  /** Of uploads whose connection was lost; default a day, 32 uploads and 64 GiB of a key. */
  readonly lostLimits?: Partial<LostLimits> | undefined
  /** Hears what is worth counting; default nobody. */
  readonly observer?: CoreObserver | undefined
  /** How storages are opened; default: as folders of this machine. */
  readonly openMount?: OpenMount | undefined
  /** What the other processes of the server share with this one; default: it is the only one. */
  readonly shares?: Shares | undefined
  /** Keeps records and storages clean; default true. */
  readonly tends?: boolean
}

/** What several processes that serve the same files have in common. */
export type Shares = {
  readonly mutex: Mutex
  readonly neighbours: Neighbours
  /** Argon2id checks that this process may run at once. */
  readonly passwordChecks: number
}

/** Puts the concrete parts together. The data folder stays the caller's to dispose, after this. */
export async function createCore(folder: DataFolder, options: CoreOptions): Promise<Core> {
  const { clock, log, revocationGrace, auditRetention = null, auditReads = false, uploadDays } = options
  const { browserLimits, shares, tends = true } = options
  const { records, pepper, sealer } = folder
  const audit = openAudit(records.audit.append, options)
  const lastUses = createLastUses(records.lastUses.record, clock, (error) => {
    log.warn({ err: error }, 'last uses could not be written')
  })
  const files = createFileService({
    ...records,
    clock,
    audit,
    auditReads,
    log,
    ...(uploadDays === undefined ? {} : { uploadDays }),
    lostLimits: options.lostLimits,
    openMount: options.openMount,
    ...shares,
  })
  const tending = tends ? await startTending({ files, records, clock, log, auditRetention }) : null
  const throttle = createThrottle(clock, loginHider(pepper))
  const gate = createGate({
    store: records.credentials,
    people: records.people,
    browserLimits,
    changes: records.changes,
    pepper,
    sealer,
    throttle,
    ...(shares && { password: createPasswordCheck({ atOnce: shares.passwordChecks }) }),
    openFiles: files.openFor,
    forgetMounts: files.forgetMounts,
    audit,
    lastUses,
    clock,
    revocationGrace,
    sessionEnded: options.observer?.sessionEnded,
  })
  const liveSessions = publishSessions({
    list: gate.sessions.list,
    store: records.liveSessions,
    clock,
    onError: (error) => log.warn({ err: error }, 'live sessions could not be kept up'),
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
      await tending?.[Symbol.asyncDispose]()
      await files[Symbol.asyncDispose]()
      await lastUses[Symbol.asyncDispose]()
      await audit[Symbol.asyncDispose]()
    },
  }
}

/** Writes the audit; the observer hears of it. */
export function openAudit(
  append: (entries: readonly AuditEntry[]) => Promise<void>,
  { log, observer }: Pick<CoreOptions, 'log' | 'observer'>,
): AuditWriter {
  const write = async (entries: readonly AuditEntry[]) => {
    await append(entries)
    observer?.recorded(entries)
  }
  return createAuditWriter(write, (error, lost) => {
    observer?.auditFailed()
    log.error({ err: error, lost }, 'audit entries could not be written')
  })
}
