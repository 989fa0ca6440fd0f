import type { Kysely, Transaction } from 'kysely'
import type { KeyDetails, KeyQuery, KeyValueDetails, UseDetails } from '#identity/ports.ts'
import { keyOf } from './rows.ts'
import type { Database, KeyValueTable } from './schema.ts'
import { snapshot } from './transactions.ts'

/** What keys are looked for by, inside one site. */
export type KeyFilter = Partial<KeyQuery> & {
  readonly id?: string | undefined
  readonly name?: string | undefined
}

/** Keys of a site with their values, oldest first. */
export function readKeys(
  db: Kysely<Database>,
  siteId: string,
  filter: KeyFilter,
): Promise<readonly KeyDetails[]> {
  return snapshot(db, async (trx) => {
    const rows = await keyRows(trx, siteId, filter)
    const values = await keyValues(trx, siteId, filter)
    return rows.map((row) => ({
      ...keyOf(row),
      disabledBy: row.disabled_by,
      userName: row.user_name,
      siteName: row.site_name,
      accessKeyId: row.access_key_id,
      pairVersion: row.pair_version,
      pairUse: row.access_key_id === null ? null : useOf(row),
      values: values.get(row.id) ?? [],
    }))
  })
}

function page(trx: Transaction<Database>, siteId: string, filter: KeyFilter) {
  const { id, name, userId, type, state, after, limit } = filter
  let query = trx.selectFrom('keys').where('keys.site_id', '=', siteId)
  if (id !== undefined) query = query.where('keys.id', '=', id)
  if (name !== undefined) query = query.where('keys.name', '=', name)
  if (userId !== undefined) query = query.where('keys.user_id', '=', userId)
  if (type !== undefined) query = query.where('keys.type', '=', type)
  if (after !== undefined) {
    const { createdAt, id: last } = after
    query = query
      .where('keys.created_at', '>=', createdAt)
      .where((eb) => eb.or([eb('keys.created_at', '>', createdAt), eb('keys.id', '>', last)]))
  }
  if (state?.is === 'expired') query = query.where('keys.expires_at', '<=', state.now)
  else if (state !== undefined) {
    query = query
      .where('keys.enabled', '=', state.is === 'active' ? 1 : 0)
      .where((eb) => eb.or([eb('keys.expires_at', 'is', null), eb('keys.expires_at', '>', state.now)]))
  }
  const ordered = query.orderBy('keys.created_at').orderBy('keys.id')
  return limit === undefined ? ordered : ordered.limit(limit)
}

function keyRows(trx: Transaction<Database>, siteId: string, filter: KeyFilter) {
  return (
    page(trx, siteId, filter)
      .innerJoin('sites', 'sites.id', 'keys.site_id')
      // A user who moved away is no longer this site's to name.
      .leftJoin('users', (join) =>
        join.onRef('users.id', '=', 'keys.user_id').onRef('users.site_id', '=', 'keys.site_id'),
      )
      .leftJoin('access_key_pairs as pairs', 'pairs.key_id', 'keys.id')
      .selectAll('keys')
      .select([
        'sites.name as site_name',
        'users.name as user_name',
        'pairs.access_key_id',
        'pairs.version as pair_version',
        'pairs.last_used_at',
        'pairs.last_used_address',
        'pairs.last_used_door',
        'pairs.last_used_client',
      ])
      .execute()
  )
}

async function keyValues(
  trx: Transaction<Database>,
  siteId: string,
  filter: KeyFilter,
): Promise<ReadonlyMap<string, readonly KeyValueDetails[]>> {
  const rows = await trx
    .selectFrom('key_values')
    .selectAll()
    .where('key_id', 'in', page(trx, siteId, filter).select('keys.id'))
    .orderBy('created_at')
    .orderBy('id')
    .execute()
  const byKey = Map.groupBy(rows, (row) => row.key_id)
  return new Map([...byKey].map(([keyId, ofKey]) => [keyId, ofKey.map(valueDetailsOf)]))
}

function valueDetailsOf(row: KeyValueTable): KeyValueDetails {
  return {
    id: row.id,
    masked: row.masked,
    chosen: row.hash !== null,
    createdAt: row.created_at,
    stopsAt: row.stops_at,
    ...useOf(row),
  }
}

type UseColumns = 'last_used_at' | 'last_used_address' | 'last_used_door' | 'last_used_client'

function useOf(row: Pick<KeyValueTable, UseColumns>): UseDetails {
  return {
    lastUsedAt: row.last_used_at,
    lastUsedAddress: row.last_used_address,
    lastUsedDoor: row.last_used_door,
    lastUsedClient: row.last_used_client,
  }
}
