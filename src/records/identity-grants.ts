import type { Kysely, Transaction } from 'kysely'
import type { GrantDetails, IdentityStore } from '#identity/ports.ts'
import { missing } from './faults.ts'
import { flag, grantOf } from './rows.ts'
import type { Database, GrantTable } from './schema.ts'
import type { Commit } from './transactions.ts'

type GrantMethods = Pick<IdentityStore, 'grants' | 'addGrant' | 'removeGrant'>

export function grantMethods(db: Kysely<Database>, commit: Commit): GrantMethods {
  return {
    grants: (siteId) => readGrants(db, siteId),
    addGrant: (grant, audit) =>
      commit(audit, async (trx) => {
        await requireUser(trx, grant.siteId, grant.userId)
        await trx.insertInto('grants').values(grantRow(grant)).execute()
        return [{ kind: 'grants', siteId: grant.siteId, keyId: null, userId: grant.userId }]
      }),
    removeGrant: (siteId, id, audit) =>
      commit(audit, async (trx) => {
        const removed = await trx
          .deleteFrom('grants')
          .where('site_id', '=', siteId)
          .where('id', '=', id)
          .returning('user_id')
          .executeTakeFirst()
        if (!removed) throw missing('grant')
        return [{ kind: 'grants', siteId, keyId: null, userId: removed.user_id }]
      }),
  }
}

async function readGrants(db: Kysely<Database>, siteId: string) {
  const rows = await db
    .selectFrom('grants')
    .innerJoin('users', 'users.id', 'grants.user_id')
    .where('grants.site_id', '=', siteId)
    .select([
      'grants.id',
      'grants.path',
      'grants.recursive',
      'grants.rights',
      'users.id as user_id',
      'users.name as user_name',
    ])
    .orderBy('grants.path')
    .orderBy('users.name')
    .orderBy('grants.id')
    .execute()
  return rows.map((row) => ({
    ...grantOf(row),
    id: row.id,
    siteId,
    userId: row.user_id,
    userName: row.user_name,
  }))
}

/** Throws Fault `not_found` unless the user is one of the site. */
export async function requireUser(trx: Transaction<Database>, siteId: string, userId: string): Promise<void> {
  const query = trx.selectFrom('users').select('id').where('id', '=', userId).where('site_id', '=', siteId)
  if (!(await query.executeTakeFirst())) throw missing('user')
}

export function grantRow(grant: GrantDetails): GrantTable {
  return {
    id: grant.id,
    site_id: grant.siteId,
    user_id: grant.userId,
    group_id: null,
    path: grant.path,
    recursive: flag(grant.recursive),
    rights: grant.rights,
  }
}
