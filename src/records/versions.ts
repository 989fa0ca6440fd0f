import type { Kysely, Transaction } from 'kysely'
import { Fault } from '#faults'
import type { RecordRef } from '#identity/ports.ts'
import type { Database } from './schema.ts'
import type { Commit } from './transactions.ts'

const TABLES = { site: 'sites', user: 'users', group: 'groups', mount: 'mounts', key: 'keys' } as const

/** How often a record was changed, from 1 on; null when there is none. A grant never changes. */
export async function versionOf(db: Kysely<Database>, ref: RecordRef): Promise<number | null> {
  if (ref.kind === 'grant') return (await grantExists(db, ref)) ? 1 : null
  const rows = db.selectFrom(TABLES[ref.kind]).select('version').where('id', '=', ref.id)
  const own = ref.kind === 'site' ? rows : rows.where('site_id', '=', ref.siteId)
  return (await own.executeTakeFirst())?.version ?? null
}

/**
 * Changes that are made only while a record has this version; Fault `precondition` otherwise. A record that is gone
 * is left to the change to report.
 */
export function expecting(commit: Commit, ref: RecordRef, version: number): Commit {
  return (audit, work) =>
    commit(audit, async (trx) => {
      const there = await counted(trx, ref, version)
      if (!there && (await versionOf(trx, ref)) !== null) {
        throw new Fault('precondition', 'somebody else changed this meanwhile')
      }
      return work(trx)
    })
}

// Counting is what locks the row: of two who expect the same version, one comes too late.
async function counted(trx: Transaction<Database>, ref: RecordRef, version: number): Promise<boolean> {
  if (ref.kind === 'grant') return version === 1 && (await grantExists(trx, ref))
  const { numUpdatedRows } = await trx
    .updateTable(TABLES[ref.kind])
    .set((eb) => ({ version: eb('version', '+', 1) }))
    .where('id', '=', ref.id)
    .where('version', '=', version)
    .executeTakeFirstOrThrow()
  return numUpdatedRows > 0n
}

async function grantExists(db: Kysely<Database>, { siteId, id }: RecordRef): Promise<boolean> {
  const grant = db.selectFrom('grants').select('id').where('site_id', '=', siteId).where('id', '=', id)
  return (await grant.executeTakeFirst()) !== undefined
}

/** Counts a change of a record. */
export async function bump(trx: Transaction<Database>, kind: keyof typeof TABLES, id: string): Promise<void> {
  await trx
    .updateTable(TABLES[kind])
    .set((eb) => ({ version: eb('version', '+', 1) }))
    .where('id', '=', id)
    .execute()
}
