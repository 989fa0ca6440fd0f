import type { Kysely } from 'kysely'
import type { ChainHead, SealedHead } from '#audit/ports.ts'
import { type AuditChain, systemEntry } from './audit-chain.ts'
import { headOf, headRow } from './audit-rows.ts'
import { hashesAt } from './chain-reader.ts'
import type { Database } from './schema.ts'

const CHAINS_AT_ONCE = 100
const ENTRIES_AT_ONCE = 2_000

/**
 * Takes the oldest entries off the chains: their heads remember where, under their MAC, and an entry of its own
 * says so. A chain that does not verify is left as it is. Tells how many entries went.
 */
export async function pruneAudit(trx: Kysely<Database>, chain: AuditChain, before: number): Promise<number> {
  const cuts = (await oldChains(trx, before)).filter(({ head }) => chain.isSealed(head))
  const ends = await hashesAt(
    trx,
    cuts.map(({ head, upTo }) => ({ writer: head.writer, number: upTo })),
  )
  const hashes = new Map(ends.map(({ writer, hash }) => [writer, hash]))
  const pruned = cuts.flatMap(({ head, upTo }) => {
    const prunedHash = hashes.get(head.writer)
    return prunedHash === undefined ? [] : [{ from: head, to: { ...head, prunedCount: upTo, prunedHash } }]
  })
  if (pruned.length === 0) return 0
  const heads = pruned.map(({ to }) => to)
  await replaceHeads(trx, chain, heads)
  await deletePruned(trx, heads)
  await removeHeads(trx, chain, heads)
  const count = pruned.reduce((sum, { from, to }) => sum + to.prunedCount - from.prunedCount, 0)
  const subject = `${count} entries before ${new Date(before).toISOString()}`
  await chain.append(trx, [systemEntry({ at: chain.now(), action: 'audit.prune', subject })])
  return count
}

type Cut = { readonly head: SealedHead; readonly upTo: number }

/** Chains whose first entry is older than `before`, and the last entry before the first that is not. */
async function oldChains(trx: Kysely<Database>, before: number): Promise<readonly Cut[]> {
  const rows = await trx
    .selectFrom('audit_heads as heads')
    .selectAll('heads')
    .select((eb) =>
      eb
        .selectFrom('audit')
        .select('number')
        .whereRef('audit.writer', '=', 'heads.writer')
        .where('audit.at', '>=', before)
        .orderBy('number')
        .limit(1)
        .as('kept'),
    )
    .where((eb) =>
      eb.exists(
        eb
          .selectFrom('audit')
          .select('sequence')
          .whereRef('audit.writer', '=', 'heads.writer')
          .where('audit.number', '=', eb('heads.pruned_count', '+', 1))
          .where('audit.at', '<', before),
      ),
    )
    .orderBy('ordinal')
    .limit(CHAINS_AT_ONCE)
    .execute()
  return rows.map((row) => ({
    head: headOf(row),
    upTo: Math.min((row.kept ?? row.count + 1) - 1, row.pruned_count + ENTRIES_AT_ONCE),
  }))
}

async function replaceHeads(
  trx: Kysely<Database>,
  chain: AuditChain,
  heads: readonly ChainHead[],
): Promise<void> {
  await trx
    .insertInto('audit_heads')
    .values(heads.map((head) => headRow(chain.sealed(head))))
    .onConflict((conflict) =>
      conflict.column('writer').doUpdateSet((eb) => ({
        pruned_count: eb.ref('excluded.pruned_count'),
        pruned_hash: eb.ref('excluded.pruned_hash'),
        mac: eb.ref('excluded.mac'),
      })),
    )
    .execute()
}

async function deletePruned(trx: Kysely<Database>, heads: readonly ChainHead[]): Promise<void> {
  const gone = trx
    .selectFrom('audit_heads as heads')
    .innerJoin('audit as old', (join) =>
      join.onRef('old.writer', '=', 'heads.writer').onRef('old.number', '<=', 'heads.pruned_count'),
    )
    .select('old.sequence')
    .where('heads.writer', 'in', heads.map(writerOf))
  await trx.deleteFrom('audit').where('sequence', 'in', gone).execute()
}

/** Of chains that are pruned whole; the root counts them. */
async function removeHeads(
  trx: Kysely<Database>,
  chain: AuditChain,
  heads: readonly ChainHead[],
): Promise<void> {
  const over = heads.filter(({ count, prunedCount }) => count === prunedCount)
  if (over.length === 0) return
  await chain.changeRoot(trx, { removed: over.length })
  await trx.deleteFrom('audit_heads').where('writer', 'in', over.map(writerOf)).execute()
}

function writerOf({ writer }: ChainHead): string {
  return writer
}
