import type { Insertable, Kysely, Transaction, Updateable } from 'kysely'
import type { AccessKeyPairRecord } from '#credentials/ports.ts'
import { Fault } from '#faults'
import type { IdentityStore, KeyPatch, NewKey, NewKeyValue, Rotation } from '#identity/ports.ts'
import { asTaken, missing } from './faults.ts'
import { requireUser } from './holders.ts'
import { readKeys } from './key-lists.ts'
import { mountsOf } from './mounts.ts'
import { flag, keyOf, keyRow } from './rows.ts'
import type { Database, KeyTable, KeyValueTable } from './schema.ts'
import type { Commit } from './transactions.ts'
import { bump } from './versions.ts'

type KeyMethods = Pick<
  IdentityStore,
  | 'mounts'
  | 'keys'
  | 'keyById'
  | 'keyByName'
  | 'addKey'
  | 'updateKey'
  | 'deleteKey'
  | 'rotateKey'
  | 'expiredKeys'
  | 'deleteExpiredKeys'
>

// A key is read whole with each login, so its values are few.
const MAX_VALUES = 8

export function keyMethods(db: Kysely<Database>, commit: Commit): KeyMethods {
  return {
    mounts: (siteId) => mountsOf(db, siteId),
    keys: (siteId, query) => readKeys(db, siteId, query),
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
    rotateKey: (siteId, id, rotation, audit) =>
      commit(audit, async (trx) => {
        const userId = await userOfKey(trx, siteId, id)
        await rotateValues(trx, id, rotation)
        if (rotation.pair !== null) await replacePair(trx, id, rotation.pair)
        await bump(trx, 'key', id)
        return [{ kind: 'key', siteId, keyId: id, userId }]
      }),
    expiredKeys: async (siteId, before, limit) => {
      const query = db
        .selectFrom('keys')
        .selectAll()
        .where('site_id', '=', siteId)
        .where('expires_at', '<=', before)
        .orderBy('expires_at')
        .limit(limit)
      return (await query.execute()).map(keyOf)
    },
    deleteExpiredKeys: (siteId, ids, before, audit) =>
      commit(audit, async (trx) => {
        const deleted = await trx
          .deleteFrom('keys')
          .where('site_id', '=', siteId)
          .where('id', 'in', ids)
          .where('expires_at', '<=', before)
          .returning(['id', 'user_id'])
          .execute()
        if (deleted.length !== ids.length) throw new Fault('precondition', 'one of the keys goes on')
        return deleted.map(({ id, user_id }) => ({ kind: 'key', siteId, keyId: id, userId: user_id }))
      }),
  }
}

async function insertKey(trx: Transaction<Database>, added: NewKey): Promise<void> {
  const { key, value, pair, disabledBy = null } = added
  if (key.userId !== null) await requireUser(trx, key.siteId, key.userId)
  await refuseShadow(trx, key.id, key.name)
  await asTaken(
    `a key named ${key.name}`,
    trx
      .insertInto('keys')
      .values({ ...keyRow(key), disabled_by: disabledBy })
      .execute(),
  )
  if (value !== null) await trx.insertInto('key_values').values(valueRow(key.id, value)).execute()
  if (pair !== null) await trx.insertInto('access_key_pairs').values(pairRow(key.id, pair)).execute()
}

function valueRow(keyId: string, value: NewKeyValue): Insertable<KeyValueTable> {
  return {
    id: value.id,
    key_id: keyId,
    digest: value.digest,
    hash: value.hash,
    bucket: value.bucket,
    masked: value.masked,
    created_at: value.createdAt,
    stops_at: value.stopsAt,
  }
}

function pairRow(keyId: string, { accessKeyId, version, sealed }: AccessKeyPairRecord) {
  return { access_key_id: accessKeyId, key_id: keyId, version, sealed }
}

async function rotateValues(trx: Transaction<Database>, keyId: string, rotation: Rotation): Promise<void> {
  const { value, oldStopAt } = rotation
  await trx
    .deleteFrom('key_values')
    .where('key_id', '=', keyId)
    .where('stops_at', '<=', value.createdAt)
    .execute()
  await trx
    .updateTable('key_values')
    .set({ stops_at: oldStopAt })
    .where('key_id', '=', keyId)
    .where((eb) => eb.or([eb('stops_at', 'is', null), eb('stops_at', '>', oldStopAt)]))
    .execute()
  await trx.insertInto('key_values').values(valueRow(keyId, value)).execute()
  const { count } = await trx
    .selectFrom('key_values')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('key_id', '=', keyId)
    .where((eb) => eb.or([eb('stops_at', 'is', null), eb('stops_at', '>', value.createdAt)]))
    .executeTakeFirstOrThrow()
  if (Number(count) > MAX_VALUES) {
    throw new Fault('invalid', `this key has ${MAX_VALUES} values that go on; rotate it without overlap`)
  }
}

async function replacePair(
  trx: Transaction<Database>,
  keyId: string,
  pair: AccessKeyPairRecord,
): Promise<void> {
  await trx.deleteFrom('access_key_pairs').where('key_id', '=', keyId).execute()
  await trx.insertInto('access_key_pairs').values(pairRow(keyId, pair)).execute()
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
  const userId = await userOfKey(trx, siteId, id)
  if (patch.name !== undefined) await refuseShadow(trx, id, patch.name)
  await bump(trx, 'key', id)
  const values = patchValues(patch)
  if (Object.keys(values).length > 0) {
    const update = trx.updateTable('keys').set(values).where('id', '=', id)
    await asTaken(`a key named ${patch.name}`, update.execute())
  }
  return userId
}

async function userOfKey(trx: Transaction<Database>, siteId: string, id: string): Promise<string | null> {
  const key = trx.selectFrom('keys').select('user_id').where('site_id', '=', siteId).where('id', '=', id)
  const found = await key.executeTakeFirst()
  if (!found) throw missing('key')
  return found.user_id
}

function patchValues(patch: KeyPatch): Updateable<KeyTable> {
  const { name, description, scopes, basePath, storages, conditions, enabled, disabledBy, expiresAt } = patch
  return {
    ...(name !== undefined && { name }),
    ...(description !== undefined && { description }),
    ...(scopes !== undefined && { scopes }),
    ...(basePath !== undefined && { base_path: basePath }),
    ...(storages !== undefined && { storages: storages === null ? null : JSON.stringify(storages) }),
    ...(conditions !== undefined && { conditions: JSON.stringify(conditions) }),
    ...(enabled !== undefined && { enabled: flag(enabled) }),
    ...(disabledBy !== undefined && { disabled_by: disabledBy }),
    ...(expiresAt !== undefined && { expires_at: expiresAt }),
  }
}
