import type { Kysely } from 'kysely'
import type { Database } from './schema.ts'

/** Sealed blobs by name, for example the pepper; sealing is the caller's. */
export type SecretStore = {
  get(name: string): Promise<Buffer | null>
  put(name: string, sealed: Buffer): Promise<void>
  isEmpty(): Promise<boolean>
}

export function secretStore(db: Kysely<Database>): SecretStore {
  return {
    get: async (name) => {
      const query = db.selectFrom('secrets').select('sealed').where('name', '=', name)
      return (await query.executeTakeFirst())?.sealed ?? null
    },
    put: async (name, sealed) => {
      await db
        .insertInto('secrets')
        .values({ name, sealed })
        .onConflict((conflict) => conflict.column('name').doUpdateSet({ sealed }))
        .execute()
    },
    isEmpty: async () => !(await db.selectFrom('secrets').select('name').limit(1).executeTakeFirst()),
  }
}
