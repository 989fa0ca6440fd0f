import { sql } from 'kysely'
import type { KeptVersion, VersionStore } from '#files/ports.ts'
import type { Engine } from './engine.ts'
import { fixed } from './fixed.ts'

/** Which version a file goes on as after its modification time was set. One row for each inode. */
export function versionStore({ db, write, texts }: Engine): VersionStore {
  const rowsOf = fixed(['mount', 'inodes'], (value) =>
    db
      .selectFrom('kept_versions')
      .selectAll()
      .where('mount_id', '=', value('mount'))
      .where('ino', 'in', texts(value('inodes'))),
  )
  return {
    async find(mountId, inodes) {
      const rows = await rowsOf(db, { mount: mountId, inodes: JSON.stringify(inodes.map(String)) })
      return rows.map((row) => ({
        now: { ino: BigInt(row.ino), size: row.size, mtimeNs: BigInt(row.mtime_ns) },
        created: Number(row.created),
        keptMtimeNs: BigInt(row.kept_mtime_ns),
      }))
    },
    async put(mountId, { now, created, keptMtimeNs }: KeptVersion) {
      const row = {
        mount_id: mountId,
        ino: `${now.ino}`,
        created: `${created}`,
        size: now.size,
        mtime_ns: `${now.mtimeNs}`,
        kept_mtime_ns: `${keptMtimeNs}`,
      }
      await write((trx) =>
        trx
          .insertInto('kept_versions')
          .values(row)
          .onConflict((conflict) =>
            conflict.columns(['mount_id', 'ino']).doUpdateSet({
              created: sql`excluded.created`,
              size: sql`excluded.size`,
              mtime_ns: sql`excluded.mtime_ns`,
              kept_mtime_ns: sql`excluded.kept_mtime_ns`,
            }),
          )
          .execute(),
      )
    },
  }
}
