import { createAuditWriter } from '#audit/writer.ts'
import type { Clock } from '#credentials/ports.ts'
import { createFileService, type FileService } from '#files/service.ts'
import type { DataFolder } from './data-folder.ts'

/** The files of a data folder for the command line, beside a server that may be running on them. */
export function openFilesOffice({ records }: Pick<DataFolder, 'records'>, clock: Clock): FileService {
  const audit = createAuditWriter(records.audit.append, warn)
  const log = {
    warn: (fields: object, message: string) => warn(causeOf(fields) ?? message),
    error: (fields: object, message: string) => warn(causeOf(fields) ?? message),
  }
  const files = createFileService({ ...records, clock, audit, log })
  return {
    ...files,
    async [Symbol.asyncDispose]() {
      await files[Symbol.asyncDispose]()
      await audit[Symbol.asyncDispose]()
    },
  }
}

function causeOf(fields: object): unknown {
  return 'err' in fields ? fields.err : undefined
}

function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error))
}
