import { type Kysely, sql } from 'kysely'
import { pieces } from './paths.ts'
import type { Database } from './schema.ts'

/** A use of one value of a key; `at` in milliseconds since the epoch. */
export type LastUse = {
  readonly valueId: string
  readonly at: number
  readonly address: string
  readonly door: string
  readonly client: string
}

/** Keeps the last use of each value. Older uses than the one that is kept, and unknown values, are passed over. */
export type LastUseStore = { record(uses: readonly LastUse[]): Promise<void> }

export function lastUseStore(db: Kysely<Database>): LastUseStore {
  return {
    record: async (uses) => {
      for (const piece of pieces(latestOfEach(uses), 500)) await update(db, piece)
    },
  }
}

function latestOfEach(uses: readonly LastUse[]): LastUse[] {
  const latest = new Map<string, LastUse>()
  for (const use of uses) {
    const known = latest.get(use.valueId)
    if (!known || known.at <= use.at) latest.set(use.valueId, use)
  }
  return [...latest.values()]
}

async function update(db: Kysely<Database>, uses: readonly LastUse[]): Promise<void> {
  const rows = uses.map(
    (use) => sql`(${use.valueId}, cast(${use.at} as bigint), ${use.address}, ${use.door}, ${use.client})`,
  )
  await db
    .with('used(value_id, at, address, door, client)', () => sql<UsedRow>`(values ${sql.join(rows)})`)
    .updateTable('key_values')
    .from('used')
    .set((eb) => ({
      last_used_at: eb.ref('used.at'),
      last_used_address: eb.ref('used.address'),
      last_used_door: eb.ref('used.door'),
      last_used_client: eb.ref('used.client'),
    }))
    .whereRef('key_values.id', '=', 'used.value_id')
    .where((eb) => eb.or([eb('last_used_at', 'is', null), eb('last_used_at', '<', eb.ref('used.at'))]))
    .execute()
}

type UsedRow = { value_id: string; at: number; address: string; door: string; client: string }
