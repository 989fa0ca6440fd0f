import type { Kysely, Transaction } from 'kysely'
import { Fault } from '#faults'
import type { IdentityStore, KeyDetails, KeyPatch, KeyValueDetails, NewKey } from '#identity/ports.ts'
import { asTaken, missing } from './faults.ts'
import { requireUser } from './identity-grants.ts'
import { flag, keyOf, keyRow } from './rows.ts'
import type { Database, KeyTable } from './schema.ts'
import { type Commit, snapshot } from './transactions.ts'

type KeyMethods = Pick<IdentityStore, 'keys' | 'keyById' | 'keyByName' | 'addKey' | 'updateKey' | 'deleteKey'>
type KeyFilter = { readonly id?: string; readonly name?: string; readonly userId?: string }

export function keyMethods(db: Kysely<Database>, commit: Commit): KeyMethods {
  return {
    keys: (siteId, filter = {}) => readKeys(db, siteId, filter),
    keyById: async (siteId, id) => (await readKeys(db, siteId, { id }))[0] ?? null,
    keyByName: async (siteId, name) => (await readKeys(db, siteId, { name }))[0] ?? null,
    addKey: (added, audit) =>
      commit(audit, async (trx) => {
        await insertKey(trx, added)
        const { siteId, id, userId } = added.key
        return [{ kind: 'key', siteId, keyId: id, userId }]
      }),
    updateKey: (siteId, id, patch, audit) =>
      commit(audit, async (trx) => {
        const userId = await patchKey(trx, siteId, id, patch)
        return [{ kind: 'key', siteId, keyId: id, userId }]
      }),
    deleteKey: (siteId, id, audit) =>
      commit(audit, async (trx) => {
        const deleted = await trx
          .deleteFrom('keys')
          .where('site_id', '=', siteId)
          .where('id', '=', id)
          .returning('user_id')
          .executeTakeFirst()
        if (!deleted) throw missing('key')
        return [{ kind: 'key', siteId, keyId: id, userId: deleted.user_id }]
      }),
  }
}

async function insertKey(trx: Transaction<Database>, { key, value, pair }: NewKey): Promise<void> {
  if (key.userId !== null) await requireUser(trx, key.siteId, key.userId)
  await refuseShadow(trx, key.id, key.name)
  await asTaken(`a key named ${key.name}`, trx.insertInto('keys').values(keyRow(key)).execute())
  const valueRow = {
    id: value.id,
    key_id: key.id,
    digest: value.digest,
    masked: value.masked,
    created_at: key.createdAt,
    stops_at: value.stopsAt,
  }
  await trx.insertInto('key_values').values(valueRow).execute()
  if (pair === null) return
  const pairRow = {
    access_key_id: pair.accessKeyId,
    key_id: key.id,
    version: pair.version,
    sealed: pair.sealed,
  }
  await trx.insertInto('access_key_pairs').values(pairRow).execute()
}

/** A login may give an id or a name: no name may be the id of another key, in any site, nor the reverse. */
async function refuseShadow(trx: Transaction<Database>, id: string, name: string): Promise<void> {
  const shadowed = await trx
    .selectFrom('keys')
    .select('id')
    .where((eb) => eb.or([eb('id', '=', name), eb('name', '=', id)]))
    .where('id', '!=', id)
    .limit(1)
    .executeTakeFirst()
  if (shadowed) throw new Fault('exists', `${name} cannot be the name of this key: a key is known by it`)
}

/** Returns the key's user. */
async function patchKey(
  trx: Transaction<Database>,
  siteId: string,
  id: string,
  patch: KeyPatch,
): Promise<string | null> {
  const key = trx.selectFrom('keys').select('user_id').where('site_id', '=', siteId).where('id', '=', id)
  const found = await key.executeTakeFirst()
  if (!found) throw missing('key')
  if (patch.name !== undefined) await refuseShadow(trx, id, patch.name)
  const values = patchValues(patch)
  if (Object.keys(values).length > 0) {
    const update = trx.updateTable('keys').set(values).where('id', '=', id)
    await asTaken(`a key named ${patch.name}`, update.execute())
  }
  return found.user_id
}

function patchValues(patch: KeyPatch): Partial<KeyTable> {
  const { name, description, scopes, basePath, storages, conditions, enabled, expiresAt } = patch
  return {
    ...(name !== undefined && { name }),
    ...(description !== undefined && { description }),
    ...(scopes !== undefined && { scopes }),
    ...(basePath !== undefined && { base_path: basePath }),
    ...(storages !== undefined && { storages: storages === null ? null : JSON.stringify(storages) }),
    ...(conditions !== undefined && { conditions: JSON.stringify(conditions) }),
    ...(enabled !== undefined && { enabled: flag(enabled) }),
    ...(expiresAt !== undefined && { expires_at: expiresAt }),
  }
}

function readKeys(db: Kysely<Database>, siteId: string, filter: KeyFilter): Promise<readonly KeyDetails[]> {
  return snapshot(db, async (trx) => {
    const rows = await keyRows(trx, siteId, filter)
    const values = await keyValues(trx, siteId, filter)
    return rows.map((row) => ({
      ...keyOf(row),
      userName: row.user_name,
      siteName: row.site_name,
      accessKeyId: row.access_key_id,
      values: values.get(row.id) ?? [],
    }))
  })
}

function filtered(trx: Transaction<Database>, siteId: string, { id, name, userId }: KeyFilter) {
  return trx
    .selectFrom('keys')
    .where('keys.site_id', '=', siteId)
    .$if(id !== undefined, (query) => query.where('keys.id', '=', id ?? ''))
    .$if(name !== undefined, (query) => query.where('keys.name', '=', name ?? ''))
    .$if(userId !== undefined, (query) => query.where('keys.user_id', '=', userId ?? ''))
}

function keyRows(trx: Transaction<Database>, siteId: string, filter: KeyFilter) {
  return filtered(trx, siteId, filter)
    .innerJoin('sites', 'sites.id', 'keys.site_id')
    .leftJoin('users', 'users.id', 'keys.user_id')
    .leftJoin('access_key_pairs', 'access_key_pairs.key_id', 'keys.id')
    .selectAll('keys')
    .select(['sites.name as site_name', 'users.name as user_name', 'access_key_pairs.access_key_id'])
    .orderBy('keys.name')
    .execute()
}

async function keyValues(
  trx: Transaction<Database>,
  siteId: string,
  filter: KeyFilter,
): Promise<Map<string, KeyValueDetails[]>> {
  const rows = await filtered(trx, siteId, filter)
    .innerJoin('key_values as v', 'v.key_id', 'keys.id')
    .select(['v.id', 'v.key_id', 'v.masked', 'v.created_at', 'v.stops_at', 'v.last_used_at'])
    .orderBy('v.created_at')
    .orderBy('v.id')
    .execute()
  const values = new Map<string, KeyValueDetails[]>()
  for (const row of rows) {
    const value = {
      id: row.id,
      masked: row.masked,
      createdAt: row.created_at,
      stopsAt: row.stops_at,
      lastUsedAt: row.last_used_at,
    }
    const ofKey = values.get(row.key_id)
    if (ofKey) ofKey.push(value)
    else values.set(row.key_id, [value])
  }
  return values
}
