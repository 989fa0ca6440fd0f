import { randomUUID } from 'node:crypto'
import type { Kysely } from 'kysely'
import { followsText, headText, linkHash, ORIGIN, rootText, type Seal } from '#audit/chain.ts'
import type { AuditEntry, ChainHead, ChainRoot, SealedHead } from '#audit/ports.ts'
import type { Clock } from '#credentials/ports.ts'
import { auditRow, headOf, headRow, settledEntry } from './audit-rows.ts'
import { type AuditStatements, auditStatements } from './audit-statements.ts'
import type { Database } from './schema.ts'

/** Appends to this process's chain, inside a transaction that the caller made. */
export type AuditChain = {
  append(trx: Kysely<Database>, entries: readonly AuditEntry[]): Promise<void>
  /** Gives heads and root their MACs from now on; until then they have empty ones. */
  sealWith(seal: Seal): void
  sealed(head: ChainHead): SealedHead
  isSealed(head: SealedHead): boolean
  /** Changes the root; one whose MAC is wrong never gets a right one again. */
  changeRoot(trx: Kysely<Database>, change: { started?: number; removed?: number }): Promise<ChainRoot>
  now(): number
}

export function auditChain(clock: Clock): AuditChain {
  let seal: Seal = () => Buffer.alloc(0)
  let writer = randomUUID()
  let built: AuditStatements | undefined

  function statements(trx: Kysely<Database>): AuditStatements {
    built ??= auditStatements(trx)
    return built
  }

  const sealed = (head: ChainHead): SealedHead => ({ ...head, mac: seal(headText(head)) })
  const isSealed = (head: SealedHead) => head.mac.equals(seal(headText(head)))

  async function changeRoot(
    trx: Kysely<Database>,
    { started = 0, removed = 0 }: { started?: number; removed?: number },
  ): Promise<ChainRoot> {
    // The update comes first: it keeps other processes out until the end of the transaction.
    await trx
      .insertInto('audit_root')
      .values({ id: 1, started: 0, removed: 0, mac: seal(rootText({ started: 0, removed: 0 })) })
      .onConflict((conflict) => conflict.column('id').doUpdateSet({ id: 1 }))
      .execute()
    const before = await trx
      .selectFrom('audit_root')
      .selectAll()
      .where('id', '=', 1)
      .executeTakeFirstOrThrow()
    const after = { started: before.started + started, removed: before.removed + removed }
    const isRight = before.mac.equals(seal(rootText(before)))
    const mac = isRight ? seal(rootText(after)) : Buffer.from('broken')
    await trx
      .updateTable('audit_root')
      .set({ ...after, mac })
      .where('id', '=', 1)
      .execute()
    return after
  }

  /** The head of the running chain, kept from others until the transaction ends; null to begin another. */
  async function ownHead(trx: Kysely<Database>): Promise<ChainHead | null> {
    const [row] = await statements(trx).holdHead(trx, { writer })
    // Somebody else changed it: what is there stays as it is, to be found.
    return row !== undefined && isSealed(headOf(row)) ? headOf(row) : null
  }

  async function startChain(trx: Kysely<Database>): Promise<{ head: ChainHead; start: AuditEntry }> {
    const { started: ordinal } = await changeRoot(trx, { started: 1 })
    const before = await trx
      .selectFrom('audit_heads')
      .selectAll()
      .where('ordinal', '<', ordinal)
      .orderBy('ordinal', 'desc')
      .limit(1)
      .executeTakeFirst()
    writer = randomUUID()
    const nothing = { count: 0, hash: ORIGIN, prunedCount: 0, prunedHash: ORIGIN }
    const head = { writer, ordinal, startedAt: clock.now(), ...nothing }
    await trx
      .insertInto('audit_heads')
      .values(headRow(sealed(head)))
      .execute()
    return { head, start: startEntry(clock.now(), before === undefined ? null : headOf(before)) }
  }

  return {
    sealWith(given) {
      seal = given
    },
    sealed,
    isSealed,
    changeRoot,
    now: () => clock.now(),
    async append(trx, entries) {
      const { insert, moveHead } = statements(trx)
      const named = await withSiteNames(trx, entries)
      const own = await ownHead(trx)
      const { head, start } = own === null ? await startChain(trx) : { head: own, start: null }
      let { count, hash } = head
      const rows = (start === null ? named : [start, ...named]).map((given) => {
        const entry = settledEntry(given)
        const previous = hash
        count += 1
        const place = { writer: head.writer, number: count }
        hash = linkHash(place, previous, entry)
        return auditRow(entry, { ...place, previous, hash })
      })
      await insert(trx, rows)
      const { mac } = sealed({ ...head, count, hash })
      await moveHead(trx, { writer: head.writer, count, hash, mac })
    },
  }
}

/** The entries with the names that their sites have now, where they do not say them. */
export async function withSiteNames(
  trx: Kysely<Database>,
  entries: readonly AuditEntry[],
): Promise<readonly AuditEntry[]> {
  const ids = new Set(
    entries.flatMap(({ siteId, siteName }) => (siteName || siteId === null ? [] : [siteId])),
  )
  if (ids.size === 0) return entries
  const rows = await trx
    .selectFrom('sites')
    .select(['id', 'name'])
    .where('id', 'in', [...ids])
    .execute()
  const names = new Map(rows.map(({ id, name }) => [id, name]))
  return entries.map((entry) => ({
    ...entry,
    siteName: entry.siteName ?? names.get(entry.siteId ?? '') ?? null,
  }))
}

function startEntry(at: number, before: ChainHead | null): AuditEntry {
  return systemEntry({ at, action: 'audit.start', subject: followsText(before) })
}

/** An entry of the server's own. */
export function systemEntry(what: Pick<AuditEntry, 'at' | 'action' | 'subject'>): AuditEntry {
  return {
    ...what,
    outcome: 'ok',
    reason: '',
    siteId: null,
    userId: null,
    userName: null,
    keyId: null,
    keyName: null,
    door: null,
    address: null,
  }
}
