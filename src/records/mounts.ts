import type { Insertable, Kysely } from 'kysely'
import type { MountRecord, MountStore } from '#files/ports.ts'
import { parsePath } from '#permissions/path.ts'
import { flag, fromJson } from './rows.ts'
import type { Database, MountTable } from './schema.ts'

/** Mounts by path. */
export function mountStore(db: Kysely<Database>): MountStore {
  return {
    mountsOf: (siteId) => mountsOf(db, siteId),
    all: async () => {
      const query = db.selectFrom('mounts').selectAll().orderBy('site_id').orderBy('path')
      return (await query.execute()).map(mountOf)
    },
  }
}

/** Mounts of one site by path. */
export async function mountsOf(db: Kysely<Database>, siteId: string): Promise<readonly MountRecord[]> {
  const query = db.selectFrom('mounts').selectAll().where('site_id', '=', siteId).orderBy('path')
  return (await query.execute()).map(mountOf)
}

function mountOf(row: Omit<MountTable, 'version'>): MountRecord {
  return {
    id: row.id,
    siteId: row.site_id,
    path: parsePath(row.path),
    type: row.type,
    settings: fromJson<MountRecord['settings']>(row.settings),
    readOnly: row.read_only === 1,
  }
}

export function mountRow(mount: MountRecord): Insertable<MountTable> {
  return {
    id: mount.id,
    site_id: mount.siteId,
    path: mount.path,
    type: mount.type,
    settings: JSON.stringify(mount.settings),
    read_only: flag(mount.readOnly),
  }
}
