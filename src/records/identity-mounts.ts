import type { Kysely } from 'kysely'
import type { MountRecord } from '#files/ports.ts'
import type { IdentityStore } from '#identity/ports.ts'
import { asTaken, missing } from './faults.ts'
import { mountRow, mountStore } from './mounts.ts'
import { flag, fromJson } from './rows.ts'
import type { Database } from './schema.ts'
import type { Commit, News } from './transactions.ts'
import { bump } from './versions.ts'

type MountMethods = Pick<IdentityStore, 'mounts' | 'allMounts' | 'addMount' | 'updateMount' | 'removeMount'>

export function mountMethods(db: Kysely<Database>, commit: Commit): MountMethods {
  const store = mountStore(db)
  const news = (siteId: string): News[] => [{ kind: 'mounts', siteId, keyId: null, userId: null }]
  return {
    mounts: store.mountsOf,
    allMounts: store.all,
    addMount: (mount, audit) =>
      commit(audit, async (trx) => {
        const insert = trx.insertInto('mounts').values(mountRow(mount))
        await asTaken(`a mount at ${mount.path}`, insert.execute())
        return news(mount.siteId)
      }),
    updateMount: (siteId, id, { readOnly, trashDays }, audit) =>
      commit(audit, async (trx) => {
        const rows = trx.selectFrom('mounts').select(['read_only', 'settings']).where('site_id', '=', siteId)
        const row = await rows.where('id', '=', id).executeTakeFirst()
        if (!row) throw missing('mount')
        const read_only = readOnly === undefined ? row.read_only : flag(readOnly)
        const held = fromJson<MountRecord['settings']>(row.settings)
        const settings = trashDays === undefined ? row.settings : JSON.stringify({ ...held, trashDays })
        await trx.updateTable('mounts').set({ read_only, settings }).where('id', '=', id).execute()
        await bump(trx, 'mount', id)
        return news(siteId)
      }),
    removeMount: (siteId, id, audit) =>
      commit(audit, async (trx) => {
        const removal = trx.deleteFrom('mounts').where('site_id', '=', siteId).where('id', '=', id)
        if ((await removal.executeTakeFirstOrThrow()).numDeletedRows === 0n) throw missing('mount')
        return news(siteId)
      }),
  }
}
