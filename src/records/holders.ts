import type { Transaction } from 'kysely'
import { missing } from './faults.ts'
import type { Database } from './schema.ts'
import type { News } from './transactions.ts'

/* Who holds grants: users, and groups with their members. */

/** A change that concerns more members than this is told of the site as a whole. */
const MANY_MEMBERS = 200

/** Throws Fault `not_found` unless the user is one of the site. */
export async function requireUser(trx: Transaction<Database>, siteId: string, userId: string): Promise<void> {
  const query = trx.selectFrom('users').select('id').where('id', '=', userId).where('site_id', '=', siteId)
  if (!(await query.executeTakeFirst())) throw missing('user')
}

/** Throws Fault `not_found` unless the group is one of the site. */
export async function requireGroup(trx: Transaction<Database>, siteId: string, id: string): Promise<void> {
  const query = trx.selectFrom('groups').select('id').where('id', '=', id).where('site_id', '=', siteId)
  if (!(await query.executeTakeFirst())) throw missing('group')
}

/** What tells the sessions of a group's members that their grants changed. */
export async function newsOfMembers(
  trx: Transaction<Database>,
  siteId: string,
  groupId: string,
): Promise<readonly News[]> {
  const members = trx.selectFrom('group_members').select('user_id').where('group_id', '=', groupId)
  const rows = await members.limit(MANY_MEMBERS + 1).execute()
  if (rows.length > MANY_MEMBERS) return [{ kind: 'grants', siteId, keyId: null, userId: null }]
  return rows.map((row) => membership(siteId, row.user_id))
}

/** What tells the sessions of one user. */
export function membership(siteId: string, userId: string): News {
  return { kind: 'grants', siteId, keyId: null, userId }
}
