import type { Kysely } from 'kysely'
import type { IdentityStore, UserDetails } from '#identity/ports.ts'
import { asTaken, missing } from './faults.ts'
import { grantRow } from './identity-grants.ts'
import { pieces } from './paths.ts'
import { flag, userDetailsOf } from './rows.ts'
import type { Database, UserTable } from './schema.ts'
import type { Commit } from './transactions.ts'

type UserMethods = Pick<
  IdentityStore,
  'users' | 'userByName' | 'userById' | 'addUser' | 'setUserEnabled' | 'setPassword'
>

export function userMethods(db: Kysely<Database>, commit: Commit): UserMethods {
  const users = (siteId: string) => db.selectFrom('users').selectAll().where('site_id', '=', siteId)
  return {
    users: async (siteId) => (await users(siteId).orderBy('name').execute()).map(userDetailsOf),
    userByName: async (siteId, name) => {
      const row = await users(siteId).where('name', '=', name).executeTakeFirst()
      return row ? userDetailsOf(row) : null
    },
    userById: async (siteId, id) => {
      const row = await users(siteId).where('id', '=', id).executeTakeFirst()
      return row ? userDetailsOf(row) : null
    },
    addUser: (user, grants, audit) =>
      commit(audit, async (trx) => {
        const insert = trx.insertInto('users').values(userRow(user))
        await asTaken(`a user named ${user.name}`, insert.execute())
        for (const piece of pieces(grants, 1_000))
          await trx.insertInto('grants').values(piece.map(grantRow)).execute()
        return [{ kind: 'user', siteId: user.siteId, keyId: null, userId: user.id }]
      }),
    setUserEnabled: (siteId, id, enabled, audit) =>
      updateUser(commit, siteId, id, { enabled: flag(enabled) }, audit),
    setPassword: (siteId, userId, hash, audit) =>
      updateUser(commit, siteId, userId, { password_hash: hash }, audit),
  }
}

function updateUser(
  commit: Commit,
  siteId: string,
  id: string,
  values: Partial<Pick<UserTable, 'enabled' | 'password_hash'>>,
  audit: Parameters<Commit>[0],
): Promise<void> {
  return commit(audit, async (trx) => {
    const update = trx.updateTable('users').set(values).where('site_id', '=', siteId).where('id', '=', id)
    const { numUpdatedRows } = await update.executeTakeFirstOrThrow()
    if (numUpdatedRows === 0n) throw missing('user')
    return [{ kind: 'user', siteId, keyId: null, userId: id }]
  })
}

function userRow(user: UserDetails): UserTable {
  return {
    id: user.id,
    site_id: user.siteId,
    name: user.name,
    role: user.role,
    enabled: flag(user.enabled),
    expires_at: user.expiresAt,
    conditions: JSON.stringify(user.conditions),
    password_hash: null,
    created_at: user.createdAt,
  }
}
