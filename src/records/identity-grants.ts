import type { Kysely, Transaction } from 'kysely'
import type { GrantDetails, GrantQuery, IdentityStore, NamedGrant } from '#identity/ports.ts'
import { missing } from './faults.ts'
import { newsOfMembers, requireGroup, requireUser } from './holders.ts'
import { flag, grantOf } from './rows.ts'
import type { Database, GrantTable } from './schema.ts'
import type { Commit, News } from './transactions.ts'

type GrantMethods = Pick<IdentityStore, 'grants' | 'addGrant' | 'removeGrant'>

export function grantMethods(db: Kysely<Database>, commit: Commit): GrantMethods {
  return {
    grants: (siteId, query = {}) => readGrants(db, siteId, query),
    addGrant: (grant, audit) =>
      commit(audit, async (trx) => {
        const { siteId, userId, groupId } = grant
        if (userId !== null) await requireUser(trx, siteId, userId)
        if (groupId !== null) await requireGroup(trx, siteId, groupId)
        await trx.insertInto('grants').values(grantRow(grant)).execute()
        return newsOfHolder(trx, siteId, userId, groupId)
      }),
    removeGrant: (siteId, id, audit) =>
      commit(audit, async (trx) => {
        const removed = await trx
          .deleteFrom('grants')
          .where('site_id', '=', siteId)
          .where('id', '=', id)
          .returning(['user_id', 'group_id'])
          .executeTakeFirst()
        if (!removed) throw missing('grant')
        return newsOfHolder(trx, siteId, removed.user_id, removed.group_id)
      }),
  }
}

async function newsOfHolder(
  trx: Transaction<Database>,
  siteId: string,
  userId: string | null,
  groupId: string | null,
): Promise<readonly News[]> {
  if (groupId !== null) return newsOfMembers(trx, siteId, groupId)
  return [{ kind: 'grants', siteId, keyId: null, userId }]
}

async function readGrants(
  db: Kysely<Database>,
  siteId: string,
  { userId, groupId, after, limit }: GrantQuery,
): Promise<readonly NamedGrant[]> {
  const rows = await db
    .selectFrom('grants')
    .leftJoin('users', 'users.id', 'grants.user_id')
    .leftJoin('groups', 'groups.id', 'grants.group_id')
    .where('grants.site_id', '=', siteId)
    .$if(userId !== undefined, (query) => query.where('grants.user_id', '=', userId ?? ''))
    .$if(groupId !== undefined, (query) => query.where('grants.group_id', '=', groupId ?? ''))
    .$if(after !== undefined, (query) =>
      query.where(({ eb, refTuple, tuple }) =>
        eb(refTuple('grants.path', 'grants.id'), '>', tuple(after?.path ?? '', after?.id ?? '')),
      ),
    )
    .selectAll('grants')
    .select(['users.name as user_name', 'groups.name as group_name'])
    .orderBy('grants.path')
    .orderBy('grants.id')
    .$if(limit !== undefined, (query) => query.limit(limit ?? 0))
    .execute()
  return rows.map((row) => ({
    ...grantOf(row),
    id: row.id,
    siteId,
    userId: row.user_id,
    groupId: row.group_id,
    userName: row.user_name,
    groupName: row.group_name,
  }))
}

export function grantRow(grant: GrantDetails): GrantTable {
  return {
    id: grant.id,
    site_id: grant.siteId,
    user_id: grant.userId,
    group_id: grant.groupId,
    path: grant.path,
    recursive: flag(grant.recursive),
    rights: grant.rights,
  }
}
