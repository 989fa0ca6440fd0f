import type { Kysely } from 'kysely'
import type { SealedStore } from '#credentials/ports.ts'
import type { Database } from './schema.ts'

/** Every sealed text of the database, so that it can be sealed again under a new master key. */
export function sealedStore(db: Kysely<Database>): SealedStore {
  return {
    secrets: () => db.selectFrom('secrets').select(['name', 'sealed']).orderBy('name').execute(),
    async pairs(after, limit) {
      const rows = await db
        .selectFrom('access_key_pairs')
        .select(['access_key_id', 'key_id', 'version', 'sealed'])
        .where('access_key_id', '>', after)
        .orderBy('access_key_id')
        .limit(limit)
        .execute()
      return rows.map(({ access_key_id, key_id, version, sealed }) => ({
        accessKeyId: access_key_id,
        keyId: key_id,
        version,
        sealed,
      }))
    },
    async factors(after, limit) {
      const rows = await db
        .selectFrom('second_factors')
        .select(['user_id', 'sealed'])
        .where('user_id', '>', after)
        .orderBy('user_id')
        .limit(limit)
        .execute()
      return rows.map(({ user_id, sealed }) => ({ userId: user_id, sealed }))
    },
    async replaceFactor(userId, old, sealed) {
      await db
        .updateTable('second_factors')
        .set({ sealed })
        .where('user_id', '=', userId)
        .where('sealed', '=', old)
        .execute()
    },
    async replaceSecret(name, old, sealed) {
      await db
        .updateTable('secrets')
        .set({ sealed })
        .where('name', '=', name)
        .where('sealed', '=', old)
        .execute()
    },
    async replacePair(accessKeyId, old, sealed) {
      await db
        .updateTable('access_key_pairs')
        .set({ sealed })
        .where('access_key_id', '=', accessKeyId)
        .where('sealed', '=', old)
        .execute()
    },
  }
}
