import type { Expression, Kysely } from 'kysely'
import type { CredentialStore, Person } from '#credentials/ports.ts'
import { fixed, type ValueOf } from './fixed.ts'
import { grantOf, siteOf, userOf } from './rows.ts'
import type { Database, SshKeyTable, UserTable } from './schema.ts'
import { snapshot } from './transactions.ts'

/** A subquery that names users. */
type UserIds = Expression<string>

/** Reads users with what they may do. The same statements run whether somebody is found or not. */
export function peopleReader(db: Kysely<Database>): Pick<CredentialStore, 'peopleByName' | 'personById'> {
  const users = db.selectFrom('users').select('id')
  const byId = personReader(db, ['id'], (value) => users.where('id', '=', value('id')).$asScalar())
  const byName = personReader(db, ['name'], (value) => users.where('name', '=', value('name')).$asScalar())
  const byNameInSite = personReader(db, ['name', 'site'], (value) =>
    users.where('name', '=', value('name')).where('site_id', '=', value('site')).$asScalar(),
  )
  return {
    peopleByName: (name, site) => (site === null ? byName({ name }) : byNameInSite({ name, site })),
    personById: async (id) => (await byId({ id }))[0] ?? null,
  }
}

function personReader<Name extends string>(
  db: Kysely<Database>,
  names: readonly Name[],
  ids: (value: ValueOf<Name>) => UserIds,
): (values: Readonly<Record<Name, string>>) => Promise<readonly Person[]> {
  const userRows = fixed(names, (value) => userQuery(db, ids(value)))
  const grantRows = fixed(names, (value) => grantQuery(db, ids(value)))
  const sshKeyRows = fixed(names, (value) => sshKeyQuery(db, ids(value)))
  return (given) =>
    snapshot(db, async (trx) => {
      const rows = await userRows(trx, given)
      const grants = await grantRows(trx, given)
      const sshKeys = await sshKeyRows(trx, given)
      return rows.map((row) => ({
        site: siteOf({
          id: row.site_id,
          name: row.site_name,
          enabled: row.site_enabled,
          conditions: row.site_conditions,
          settings: row.site_settings,
        }),
        user: userOf(row),
        passwordHash: row.password_hash,
        hasSecondFactor: row.factor_confirmed_at !== null,
        grants: grants.filter((one) => one.holder === row.id && one.site_id === row.site_id).map(grantOf),
        ...keysOf(row, sshKeys),
      }))
    })
}

function userQuery(db: Kysely<Database>, ids: UserIds) {
  return db
    .selectFrom('users')
    .innerJoin('sites', 'sites.id', 'users.site_id')
    .leftJoin('second_factors', 'second_factors.user_id', 'users.id')
    .where('users.id', 'in', ids)
    .selectAll('users')
    .select([
      'second_factors.confirmed_at as factor_confirmed_at',
      'sites.name as site_name',
      'sites.enabled as site_enabled',
      'sites.conditions as site_conditions',
      'sites.settings as site_settings',
    ])
    .orderBy('users.id')
}

function sshKeyQuery(db: Kysely<Database>, ids: UserIds) {
  return db
    .selectFrom('ssh_keys')
    .where('user_id', 'in', ids)
    .select(['id', 'user_id', 'site_id', 'name', 'blob'])
    .orderBy('id')
}

type SshKeyRow = Pick<SshKeyTable, 'id' | 'user_id' | 'site_id' | 'name' | 'blob'>

function keysOf(
  { id, site_id }: Pick<UserTable, 'id' | 'site_id'>,
  rows: readonly SshKeyRow[],
): Pick<Person, 'sshKeys'> {
  const own = rows.filter((row) => row.user_id === id && row.site_id === site_id)
  return own.length === 0
    ? {}
    : { sshKeys: own.map((row) => ({ id: row.id, name: row.name, blob: row.blob })) }
}

const GRANT_COLUMNS = ['grants.site_id', 'grants.path', 'grants.recursive', 'grants.rights'] as const

/** Of the users and their groups; those of another site are left out by the caller. */
function grantQuery(db: Kysely<Database>, ids: UserIds) {
  const own = db
    .selectFrom('grants')
    .where('grants.user_id', 'in', ids)
    .select(({ ref }) => [ref('grants.user_id').$notNull().as('holder'), ...GRANT_COLUMNS])
  const ofGroups = db
    .selectFrom('group_members')
    .innerJoin('grants', 'grants.group_id', 'group_members.group_id')
    .where('group_members.user_id', 'in', ids)
    .select(['group_members.user_id as holder', ...GRANT_COLUMNS])
  return own.unionAll(ofGroups)
}
