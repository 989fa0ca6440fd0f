import type { Insertable, Kysely, Transaction, Updateable } from 'kysely'
import { Fault } from '#faults'
import type { AdministratorGuard, IdentityStore, UserDetails, UserPatch } from '#identity/ports.ts'
import { asTaken, missing } from './faults.ts'
import { grantRow } from './identity-grants.ts'
import { dropBrowsers } from './identity-people.ts'
import { pieces } from './paths.ts'
import { flag, userDetailsOf } from './rows.ts'
import type { Database, UserTable } from './schema.ts'
import type { Commit, News } from './transactions.ts'
import { bump } from './versions.ts'

type UserMethods = Pick<
  IdentityStore,
  'users' | 'userByName' | 'userById' | 'addUser' | 'updateUser' | 'deleteUser' | 'moveUser' | 'setPassword'
>

export function userMethods(db: Kysely<Database>, commit: Commit): UserMethods {
  const users = (siteId: string) => db.selectFrom('users').selectAll().where('site_id', '=', siteId)
  return {
    users: async (siteId, { after, limit } = {}) => {
      const query = users(siteId)
        .$if(after !== undefined, (all) => all.where('name', '>', after ?? ''))
        .orderBy('name')
        .$if(limit !== undefined, (all) => all.limit(limit ?? 0))
      return (await query.execute()).map(userDetailsOf)
    },
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
        return [news(user.siteId, user.id)]
      }),
    ...changeMethods(commit),
  }
}

function changeMethods(
  commit: Commit,
): Pick<IdentityStore, 'updateUser' | 'deleteUser' | 'moveUser' | 'setPassword'> {
  return {
    updateUser: (siteId, id, patch, guard, audit) =>
      commit(audit, async (trx) => {
        await guarded(trx, siteId, id, guard, () => update(trx, siteId, id, patchRow(patch)))
        if (patch.enabled === false) await dropBrowsers(trx, id, undefined)
        return [news(siteId, id)]
      }),
    setPassword: (siteId, id, hash, audit, keepBrowser) =>
      commit(audit, async (trx) => {
        await update(trx, siteId, id, { password_hash: hash })
        await dropBrowsers(trx, id, keepBrowser)
        return [news(siteId, id)]
      }),
    deleteUser: (siteId, id, now, guard, audit) =>
      commit(audit, async (trx) => {
        await guarded(trx, siteId, id, guard, async () => {
          const removal = trx.deleteFrom('users').where('site_id', '=', siteId).where('id', '=', id)
          if ((await removal.executeTakeFirstOrThrow()).numDeletedRows === 0n) throw missing('user')
        })
        await trx
          .updateTable('keys')
          .set({ expires_at: now })
          .where('user_id', '=', id)
          .where((eb) => eb.or([eb('expires_at', 'is', null), eb('expires_at', '>', now)]))
          .execute()
        return [news(siteId, id)]
      }),
    moveUser: (siteId, id, to, guard, audit) =>
      commit(audit, async (trx) => {
        await guarded(trx, siteId, id, guard, () =>
          update(trx, siteId, id, { site_id: to.siteId, role: to.role, home_folder: '/' }),
        )
        await trx.deleteFrom('grants').where('user_id', '=', id).execute()
        await trx.deleteFrom('group_members').where('user_id', '=', id).execute()
        await trx.deleteFrom('tickets').where('user_id', '=', id).execute()
        await dropBrowsers(trx, id, undefined)
        await trx.deleteFrom('ssh_keys').where('user_id', '=', id).execute()
        return [news(siteId, id), news(to.siteId, id)]
      }),
  }
}

function news(siteId: string, userId: string): News {
  return { kind: 'user', siteId, keyId: null, userId }
}

async function update(
  trx: Transaction<Database>,
  siteId: string,
  id: string,
  values: Updateable<UserTable>,
): Promise<void> {
  const found = trx.selectFrom('users').select('id').where('site_id', '=', siteId).where('id', '=', id)
  if (!(await found.executeTakeFirst())) throw missing('user')
  await bump(trx, 'user', id)
  if (Object.keys(values).length === 0) return
  const change = trx.updateTable('users').set(values).where('id', '=', id)
  await asTaken('a user of this name', change.execute())
}

/** Makes a change to a user, unless it would take the site its last administrator. */
async function guarded(
  trx: Transaction<Database>,
  siteId: string,
  id: string,
  guard: AdministratorGuard,
  change: () => Promise<void>,
): Promise<void> {
  if (guard === null) return change()
  // Locks the site's row, so that two administrators cannot take each other away at once.
  await trx
    .updateTable('sites')
    .set({ enabled: (eb) => eb.ref('enabled') })
    .where('id', '=', siteId)
    .execute()
  const administrators = trx
    .selectFrom('users')
    .select('id')
    .where('site_id', '=', siteId)
    .where('role', '=', 'administrator')
    .where('enabled', '=', 1)
    .where((eb) => eb.or([eb('expires_at', 'is', null), eb('expires_at', '>', guard.now)]))
    .limit(2)
  const before = await administrators.where('id', '=', id).execute()
  await change()
  if (before.length === 0 || (await administrators.execute()).length > 0) return
  throw new Fault('invalid', 'this is the site’s last administrator; make another one first')
}

function patchRow(patch: UserPatch): Updateable<UserTable> {
  const { name, role, enabled, expiresAt, conditions, homeFolder, email } = patch
  return {
    ...(name !== undefined && { name }),
    ...(role !== undefined && { role }),
    ...(enabled !== undefined && { enabled: flag(enabled) }),
    ...(expiresAt !== undefined && { expires_at: expiresAt }),
    ...(conditions !== undefined && { conditions: JSON.stringify(conditions) }),
    ...(homeFolder !== undefined && { home_folder: homeFolder }),
    ...(email !== undefined && { email }),
  }
}

function userRow(user: UserDetails): Insertable<UserTable> {
  return {
    id: user.id,
    site_id: user.siteId,
    name: user.name,
    role: user.role,
    enabled: flag(user.enabled),
    expires_at: user.expiresAt,
    conditions: JSON.stringify(user.conditions),
    password_hash: null,
    email: user.email,
    home_folder: user.homeFolder,
    created_at: user.createdAt,
  }
}
