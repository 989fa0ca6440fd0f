import { createSecretKey } from 'node:crypto'
import { headSeal } from '#audit/chain.ts'
import type { AuditEntry } from '#audit/ports.ts'
import { type AuditReport, type KnownEnd, verifyAudit } from '#audit/verify.ts'
import type { Records } from '#records/open.ts'
import { makeSqlite } from '#test/records/database.ts'
import { AUDIT, type TestDatabase } from '#test/suites/records/fixtures.ts'

export const SEAL = headSeal(createSecretKey(Buffer.alloc(32, 7)))

/** A database that several sealed processes write to. */
export type SharedLog = TestDatabase & {
  readonly file: string
  process(now?: () => number): Promise<Records>
  verify(known?: readonly KnownEnd[]): Promise<AuditReport>
  /** Raw SQL past every port. */
  tamper(statement: string): Promise<void>
}

export async function sharedLog(): Promise<SharedLog> {
  const database = await makeSqlite()
  let last: Records | undefined
  return {
    ...database,
    async process(now) {
      last = await database.open(now === undefined ? {} : { clock: { now } })
      last.audit.sealWith(SEAL)
      return last
    },
    async verify(known) {
      if (last === undefined) throw new Error('no process was started')
      return last.audit.inspect((reader) => verifyAudit(reader, SEAL, known))
    },
    async tamper(statement) {
      const { default: Sqlite } = await import('better-sqlite3')
      const handle = new Sqlite(database.file)
      handle.exec(statement)
      handle.close()
    },
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  }
}

/** A change of a file by ann's key. */
export function fileEntry(subject: string, changes: Partial<AuditEntry> = {}): AuditEntry {
  const who = { userId: 'u1', userName: 'ann', keyId: 'k1', keyName: 'first' }
  return { ...AUDIT, ...who, action: 'file.write', door: 'sftp', address: '10.0.0.1', subject, ...changes }
}
