import type { Kysely, Selectable } from 'kysely'
import type { GroupDetails, IdentityStore } from '#identity/ports.ts'
import { asTaken, missing } from './faults.ts'
import { membership, newsOfMembers, requireGroup, requireUser } from './holders.ts'
import { userDetailsOf } from './rows.ts'
import type { Database, GroupTable } from './schema.ts'
import type { Commit } from './transactions.ts'
import { bump } from './versions.ts'

type GroupMethods = Pick<
  IdentityStore,
  | 'groups'
  | 'groupByName'
  | 'groupById'
  | 'addGroup'
  | 'renameGroup'
  | 'deleteGroup'
  | 'members'
  | 'addMember'
  | 'removeMember'
>

export function groupMethods(db: Kysely<Database>, commit: Commit): GroupMethods {
  const groups = (siteId: string) => db.selectFrom('groups').selectAll().where('site_id', '=', siteId)
  return {
    groups: async (siteId, { after, limit } = {}) => {
      const query = groups(siteId)
        .$if(after !== undefined, (all) => all.where('name', '>', after ?? ''))
        .orderBy('name')
        .$if(limit !== undefined, (all) => all.limit(limit ?? 0))
      return (await query.execute()).map(groupOf)
    },
    groupByName: async (siteId, name) => {
      const row = await groups(siteId).where('name', '=', name).executeTakeFirst()
      return row ? groupOf(row) : null
    },
    groupById: async (siteId, id) => {
      const row = await groups(siteId).where('id', '=', id).executeTakeFirst()
      return row ? groupOf(row) : null
    },
    addGroup: (group, audit) =>
      commit(audit, async (trx) => {
        const { id, siteId, name, createdAt } = group
        const row = { id, site_id: siteId, name, created_at: createdAt }
        await asTaken(`a group named ${name}`, trx.insertInto('groups').values(row).execute())
        return []
      }),
    renameGroup: (siteId, id, name, audit) =>
      commit(audit, async (trx) => {
        await requireGroup(trx, siteId, id)
        const change = trx.updateTable('groups').set({ name }).where('id', '=', id)
        await asTaken(`a group named ${name}`, change.execute())
        await bump(trx, 'group', id)
        return []
      }),
    deleteGroup: (siteId, id, audit) =>
      commit(audit, async (trx) => {
        await requireGroup(trx, siteId, id)
        const news = await newsOfMembers(trx, siteId, id)
        await trx.deleteFrom('groups').where('id', '=', id).execute()
        return news
      }),
    ...memberMethods(db, commit),
  }
}

function memberMethods(
  db: Kysely<Database>,
  commit: Commit,
): Pick<IdentityStore, 'members' | 'addMember' | 'removeMember'> {
  return {
    members: async (siteId, groupId, { after, limit } = {}) => {
      const query = db
        .selectFrom('group_members')
        .innerJoin('groups', 'groups.id', 'group_members.group_id')
        .innerJoin('users', 'users.id', 'group_members.user_id')
        .where('group_members.group_id', '=', groupId)
        .where('groups.site_id', '=', siteId)
        .selectAll('users')
        .$if(after !== undefined, (all) => all.where('users.name', '>', after ?? ''))
        .orderBy('users.name')
        .$if(limit !== undefined, (all) => all.limit(limit ?? 0))
      return (await query.execute()).map(userDetailsOf)
    },
    addMember: (siteId, groupId, userId, audit) =>
      commit(audit, async (trx) => {
        await requireGroup(trx, siteId, groupId)
        await requireUser(trx, siteId, userId)
        const insert = trx.insertInto('group_members').values({ group_id: groupId, user_id: userId })
        await asTaken('this membership', insert.execute())
        return [membership(siteId, userId)]
      }),
    removeMember: (siteId, groupId, userId, audit) =>
      commit(audit, async (trx) => {
        await requireGroup(trx, siteId, groupId)
        const removal = trx
          .deleteFrom('group_members')
          .where('group_id', '=', groupId)
          .where('user_id', '=', userId)
        if ((await removal.executeTakeFirstOrThrow()).numDeletedRows === 0n) throw missing('member')
        return [membership(siteId, userId)]
      }),
  }
}

function groupOf(row: Selectable<GroupTable>): GroupDetails {
  return { id: row.id, siteId: row.site_id, name: row.name, createdAt: row.created_at }
}
