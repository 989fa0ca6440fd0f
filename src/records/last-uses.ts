import { type Kysely, sql } from 'kysely'
import { pieces } from './paths.ts'
import type { Database } from './schema.ts'

/** A use of what `id` names, a value of a key, an access key pair or an SSH key; `at` in milliseconds since the epoch. */
export type LastUse = {
  readonly id: string
  readonly at: number
  readonly address: string
  readonly door: string
  readonly client: string
}

/** Keeps the last use of each value, pair and SSH key. Older uses than the one that is kept, and unknown ids, are passed over. */
export type LastUseStore = { record(uses: readonly LastUse[]): Promise<void> }

export function lastUseStore(db: Kysely<Database>): LastUseStore {
  return {
    record: async (uses) => {
      for (const piece of pieces(latestOfEach(uses), 500)) {
        await updateValues(db, piece)
        await updatePairs(db, piece)
        await updateSshKeys(db, piece)
      }
    },
  }
}

function latestOfEach(uses: readonly LastUse[]): LastUse[] {
  const latest = new Map<string, LastUse>()
  for (const use of uses) {
    const known = latest.get(use.id)
    if (!known || known.at <= use.at) latest.set(use.id, use)
  }
  return [...latest.values()]
}

async function updateValues(db: Kysely<Database>, uses: readonly LastUse[]): Promise<void> {
  await db
    .with(USED, () => usedRows(uses))
    .updateTable('key_values')
    .from('used')
    .set(LAST_USE)
    .whereRef('key_values.id', '=', 'used.id')
    .where(IS_NEWER)
    .execute()
}

async function updatePairs(db: Kysely<Database>, uses: readonly LastUse[]): Promise<void> {
  await db
    .with(USED, () => usedRows(uses))
    .updateTable('access_key_pairs')
    .from('used')
    .set(LAST_USE)
    .whereRef('access_key_pairs.access_key_id', '=', 'used.id')
    .where(IS_NEWER)
    .execute()
}

async function updateSshKeys(db: Kysely<Database>, uses: readonly LastUse[]): Promise<void> {
  await db
    .with(USED, () => usedRows(uses))
    .updateTable('ssh_keys')
    .from('used')
    .set(LAST_USE)
    .whereRef('ssh_keys.id', '=', 'used.id')
    .where(IS_NEWER)
    .execute()
}

// All three tables name the columns of a last use alike.
const LAST_USE = {
  last_used_at: sql<number>`used.at`,
  last_used_address: sql<string>`used.address`,
  last_used_door: sql<string>`used.door`,
  last_used_client: sql<string>`used.client`,
}
const IS_NEWER = sql<boolean>`(last_used_at is null or last_used_at < used.at)`
const USED = 'used(id, at, address, door, client)'
type UsedRow = { id: string; at: number; address: string; door: string; client: string }

function usedRows(uses: readonly LastUse[]) {
  const rows = uses.map(
    (use) => sql`(${use.id}, cast(${use.at} as bigint), ${use.address}, ${use.door}, ${use.client})`,
  )
  return sql<UsedRow>`(values ${sql.join(rows)})`
}
