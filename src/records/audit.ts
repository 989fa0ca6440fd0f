import type { Seal } from '#audit/chain.ts'
import type { AuditEntry, AuditReader } from '#audit/ports.ts'
import type { AuditChain } from './audit-chain.ts'
import { pruneAudit } from './audit-prune.ts'
import { searchAudit } from './audit-search.ts'
import { chainReader } from './chain-reader.ts'
import type { Engine } from './engine.ts'
import { snapshot } from './transactions.ts'

/** The audit: appended to, looked into, and pruned from its old end. */
export type AuditStore = AuditReader & {
  /** All of the entries are durable when it resolves, or none. */
  append(entries: readonly AuditEntry[]): Promise<void>
  /** Takes away some of what is older, chain by chain from the start; tells how many entries. */
  prune(before: number): Promise<number>
  sealWith(seal: Seal): void
}

export function auditStore({ db, write }: Pick<Engine, 'db' | 'write'>, chain: AuditChain): AuditStore {
  return {
    append: async (entries) => {
      if (entries.length > 0) await write((trx) => chain.append(trx, entries))
    },
    prune: (before) => db.transaction().execute((trx) => pruneAudit(trx, chain, before)),
    sealWith: chain.sealWith,
    search: (filter, page) => searchAudit(db, filter, page),
    inspect: (work) => snapshot(db, (trx) => work(chainReader(trx))),
  }
}
