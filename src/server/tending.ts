import { keepAudit } from '#audit/retention.ts'
import type { Clock } from '#credentials/ports.ts'
import { keepLostEnded } from '#files/keep-lost.ts'
import { keepTrashClean } from '#files/keep-trash.ts'
import type { FileService } from '#files/service.ts'
import type { DoorLog } from '#protocols/protocol.ts'
import type { Records } from '#records/open.ts'

export type TendingDeps = {
  readonly files: FileService
  readonly records: Pick<Records, 'audit' | 'changes'>
  readonly clock: Clock
  readonly log: Pick<DoorLog, 'warn'>
  /** Milliseconds for which audit entries are kept; null for ever. */
  readonly auditRetention: number | null
}

/**
 * Removes what a crash left before it resolves, and from then on what is over. Of the processes of a server one
 * does it, before the others begin.
 */
export async function startTending({
  files,
  records,
  clock,
  log,
  auditRetention,
}: TendingDeps): Promise<AsyncDisposable> {
  const failed = (what: string) => (error: unknown) => log.warn({ err: error }, what)
  await files.sweep()
  const running: readonly AsyncDisposable[] = [
    keepTrashClean(files.cleanTrash, failed('the trash could not be cleaned')),
    keepTrashClean(files.cleanUploads, failed('abandoned uploads could not be ended')),
    keepTrashClean(files.cleanVersions, failed('kept versions of files that are gone could not be removed')),
    keepLostEnded(files.endLost, records.changes, failed('lost uploads could not be ended')),
    keepAudit(auditRetention, {
      prune: records.audit.prune,
      clock,
      onError: failed('old audit entries could not be removed'),
    }),
  ]
  return {
    async [Symbol.asyncDispose]() {
      for (const one of running) await one[Symbol.asyncDispose]()
    },
  }
}
