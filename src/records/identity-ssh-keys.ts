import type { Kysely, Selectable } from 'kysely'
import { Fault } from '#faults'
import type { IdentityStore, SshKeyDetails } from '#identity/ports.ts'
import { asTaken, missing } from './faults.ts'
import { requireUser } from './holders.ts'
import type { Database, SshKeyTable } from './schema.ts'
import type { Commit, News } from './transactions.ts'

type SshKeyMethods = Pick<IdentityStore, 'sshKeys' | 'addSshKey' | 'removeSshKey'>

export function sshKeyMethods(db: Kysely<Database>, commit: Commit): SshKeyMethods {
  return {
    sshKeys: async (siteId, userId) => {
      const query = db
        .selectFrom('ssh_keys')
        .selectAll()
        .where('user_id', '=', userId)
        .where('site_id', '=', siteId)
      return (await query.orderBy('name').execute()).map(sshKeyOf)
    },
    addSshKey: (key, most, audit) =>
      commit(audit, async (trx) => {
        await requireUser(trx, key.siteId, key.userId)
        await asTaken('an SSH key of this name, or this very key,', insert(trx, key))
        await requireRoom(trx, key.userId, most)
        return [news(key.siteId, key.userId)]
      }),
    removeSshKey: (siteId, userId, id, audit) =>
      commit(audit, async (trx) => {
        const removal = trx
          .deleteFrom('ssh_keys')
          .where('id', '=', id)
          .where('user_id', '=', userId)
          .where('site_id', '=', siteId)
        if ((await removal.executeTakeFirstOrThrow()).numDeletedRows === 0n) throw missing('SSH key')
        return [news(siteId, userId)]
      }),
  }
}

function news(siteId: string, userId: string): News {
  return { kind: 'user', siteId, keyId: null, userId }
}

async function insert(trx: Kysely<Database>, key: SshKeyDetails): Promise<void> {
  const row: SshKeyTable = {
    id: key.id,
    site_id: key.siteId,
    user_id: key.userId,
    name: key.name,
    type: key.type,
    blob: key.blob,
    fingerprint: key.fingerprint,
    created_at: key.createdAt,
    last_used_at: null,
    last_used_address: null,
    last_used_door: null,
    last_used_client: null,
  }
  await trx.insertInto('ssh_keys').values(row).execute()
}

async function requireRoom(trx: Kysely<Database>, userId: string, most: number): Promise<void> {
  const rows = trx
    .selectFrom('ssh_keys')
    .select('id')
    .where('user_id', '=', userId)
    .limit(most + 1)
  if ((await rows.execute()).length > most) throw new Fault('invalid', `a user has at most ${most} SSH keys`)
}

function sshKeyOf(row: Selectable<SshKeyTable>): SshKeyDetails {
  return {
    id: row.id,
    siteId: row.site_id,
    userId: row.user_id,
    name: row.name,
    type: row.type,
    blob: row.blob,
    fingerprint: row.fingerprint,
    createdAt: row.created_at,
    lastUsedAt: row.last_used_at,
    lastUsedAddress: row.last_used_address,
    lastUsedDoor: row.last_used_door,
    lastUsedClient: row.last_used_client,
  }
}
