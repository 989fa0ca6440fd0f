import type { Expression, InferResult, Kysely } from 'kysely'
import {
  type Account,
  type CredentialStore,
  GUEST_NAME,
  type SiteRecord,
  type UserRecord,
} from '#credentials/ports.ts'
import { fixed, type ValueOf } from './fixed.ts'
import { peopleReader } from './people.ts'
import { grantOf, keyOf, keyValueOf, pairOf, siteOf, userOf } from './rows.ts'
import type { Database } from './schema.ts'
import { snapshot } from './transactions.ts'

/** A subquery that names keys. */
type KeyIds = Expression<string>

/** Reads accounts. The same statements run whether something is found or not. */
export function credentialStore(db: Kysely<Database>): CredentialStore {
  const keys = db.selectFrom('keys').select('id')
  const byId = accountReader(db, ['id'], (value) => keys.where('id', '=', value('id')).$asScalar())
  const byName = accountReader(db, ['name'], (value) => keys.where('name', '=', value('name')).$asScalar())
  const byNameInSite = accountReader(db, ['name', 'site'], (value) =>
    keys.where('name', '=', value('name')).where('site_id', '=', value('site')).$asScalar(),
  )
  const pairs = db.selectFrom('access_key_pairs').select('key_id')
  const byAccessKey = accountReader(db, ['id'], (value) =>
    pairs.where('access_key_id', '=', value('id')).$asScalar(),
  )
  const values = db.selectFrom('key_values').select('key_id')
  const byBucket = accountReader(db, ['bucket'], (value) =>
    values.where('bucket', '=', value<number>('bucket')).$asScalar(),
  )
  const guest = accountReader(db, ['site'], (value) =>
    keys
      .where('site_id', '=', value('site'))
      .where('name', '=', GUEST_NAME)
      .where('type', '=', 'guest')
      .$asScalar(),
  )
  const siteByHost = fixed(['host'], (value) =>
    db.selectFrom('site_hosts').select('site_id').where('host', '=', value('host')),
  )
  const twoSites = fixed([], () => db.selectFrom('sites').select('id').limit(2))
  return {
    accountByKeyId: async (id) => (await byId({ id }))[0] ?? null,
    accountsByKeyName: (name, site) => (site === null ? byName({ name }) : byNameInSite({ name, site })),
    accountsByBucket: (bucket) => byBucket({ bucket }),
    guestAccount: async (site) => (await guest({ site }))[0] ?? null,
    accountByAccessKeyId: async (id) => (await byAccessKey({ id }))[0] ?? null,
    ...peopleReader(db),
    siteIdByHost: async (host) => (await siteByHost(db, { host: host.toLowerCase() }))[0]?.site_id ?? null,
    soleSiteId: async () => {
      const [first, second] = await twoSites(db, {})
      return first !== undefined && second === undefined ? first.id : null
    },
  }
}

function accountReader<Name extends string>(
  db: Kysely<Database>,
  names: readonly Name[],
  ids: (value: ValueOf<Name>) => KeyIds,
): (values: Readonly<Record<Name, string | number>>) => Promise<readonly Account[]> {
  const keyRows = fixed(names, (value) => keyQuery(db, ids(value)))
  const valueRows = fixed(names, (value) => valueQuery(db, ids(value)))
  const grantRows = fixed(names, (value) => grantQuery(db, ids(value)))
  return (given) =>
    snapshot(db, async (trx) => {
      const rows = await keyRows(trx, given)
      const values = groupBy(await valueRows(trx, given), (row) => row.key_id, keyValueOf)
      const granted = (await grantRows(trx, given)).filter((row) => row.site_id === row.key_site_id)
      const grants = groupBy(granted, (row) => row.key_id, grantOf)
      return rows.map((row) => ({
        site: siteOfJoin(row),
        key: keyOf(row),
        values: values.get(row.id) ?? [],
        pair: pairOfJoin(row),
        user: userOfJoin(row),
        grants: grants.get(row.id) ?? [],
      }))
    })
}

type JoinedRow = InferResult<ReturnType<typeof keyQuery>>[number]

function keyQuery(db: Kysely<Database>, ids: KeyIds) {
  return db
    .selectFrom('keys')
    .innerJoin('sites', 'sites.id', 'keys.site_id')
    .leftJoin('users', 'users.id', 'keys.user_id')
    .leftJoin('access_key_pairs as pairs', 'pairs.key_id', 'keys.id')
    .where('keys.id', 'in', ids)
    .selectAll('keys')
    .select([
      'sites.name as site_name',
      'sites.enabled as site_enabled',
      'sites.conditions as site_conditions',
      'sites.settings as site_settings',
      'users.site_id as user_site_id',
      'users.name as user_name',
      'users.role as user_role',
      'users.enabled as user_enabled',
      'users.expires_at as user_expires_at',
      'users.conditions as user_conditions',
      'users.home_folder as user_home_folder',
      'pairs.access_key_id',
      'pairs.version as pair_version',
      'pairs.sealed as pair_sealed',
    ])
    .orderBy('keys.id')
}

function siteOfJoin(row: JoinedRow): SiteRecord {
  return siteOf({
    id: row.site_id,
    name: row.site_name,
    enabled: row.site_enabled,
    conditions: row.site_conditions,
    settings: row.site_settings,
  })
}

function pairOfJoin({ access_key_id, pair_version, pair_sealed }: JoinedRow) {
  if (access_key_id === null || pair_version === null || pair_sealed === null) return null
  return pairOf({ access_key_id, version: pair_version, sealed: pair_sealed })
}

function userOfJoin(row: JoinedRow): UserRecord | null {
  const { user_id, user_site_id, user_name, user_role, user_enabled, user_conditions, user_home_folder } = row
  if (user_id === null || user_site_id === null || user_name === null || user_role === null) return null
  if (user_enabled === null || user_conditions === null || user_home_folder === null) return null
  return userOf({
    id: user_id,
    site_id: user_site_id,
    name: user_name,
    role: user_role,
    enabled: user_enabled,
    expires_at: row.user_expires_at,
    conditions: user_conditions,
    home_folder: user_home_folder,
  })
}

function valueQuery(db: Kysely<Database>, ids: KeyIds) {
  return db
    .selectFrom('key_values')
    .select(['id', 'key_id', 'digest', 'hash', 'bucket', 'stops_at'])
    .where('key_id', 'in', ids)
    .orderBy('created_at')
    .orderBy('id')
}

const GRANT_COLUMNS = [
  'keys.id as key_id',
  'keys.site_id as key_site_id',
  'grants.site_id',
  'grants.path',
  'grants.recursive',
  'grants.rights',
] as const

/**
 * Of the keys' users and those users' groups. Grants of another site than the key's do not count; they are
 * left out by the caller, because SQLite would take a condition here to read all grants of the site.
 */
function grantQuery(db: Kysely<Database>, ids: KeyIds) {
  const ofUsers = db
    .selectFrom('keys')
    .innerJoin('grants', 'grants.user_id', 'keys.user_id')
    .where('keys.id', 'in', ids)
    .select([...GRANT_COLUMNS])
  const ofGroups = db
    .selectFrom('keys')
    .innerJoin('group_members', 'group_members.user_id', 'keys.user_id')
    .innerJoin('grants', 'grants.group_id', 'group_members.group_id')
    .where('keys.id', 'in', ids)
    .select([...GRANT_COLUMNS])
  return ofUsers.unionAll(ofGroups)
}

function groupBy<Row, T>(rows: readonly Row[], keyOfRow: (row: Row) => string, make: (row: Row) => T) {
  const groups = new Map<string, T[]>()
  for (const row of rows) {
    const group = groups.get(keyOfRow(row))
    if (group) group.push(make(row))
    else groups.set(keyOfRow(row), [make(row)])
  }
  return groups
}
