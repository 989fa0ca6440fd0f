import { type Selectable, sql, type Transaction } from 'kysely'
import type { KeptVersion, Place, PlacedVersion, VersionStore } from '#files/ports.ts'
import { parsePath } from '#permissions/path.ts'
import { anyWithin } from './any-within.ts'
import type { Engine } from './engine.ts'
import { reading } from './fixed.ts'
import type { Work } from './group-commit.ts'
import { rebased, within } from './paths.ts'
import { remembered } from './remembered.ts'
import type { Database, KeptVersionTable } from './schema.ts'

/** Which version a file goes on as after its modification time was set. One row for each inode. */
export function versionStore(engine: Engine): VersionStore {
  const { db } = engine
  const rowsOf = finder(engine)
  const anyAt = anyWithin(engine, 'kept_versions')
  const first = remembered(engine, () => db.selectFrom('kept_versions').select('ino').limit(1).execute())
  const isUsed = async () => (await first.get()).length > 0
  const isAny = async (place: Place) => (await isUsed()) && anyAt(place)
  const write = <T>(work: Work<T>) => first.change(() => engine.write(work))
  return {
    async find(mountId, inodes) {
      if (!(await isUsed())) return []
      const rows = await rowsOf({ mount: mountId, inodes: JSON.stringify(inodes.map(String)) })
      return rows.map(versionOf)
    },
    put: (place, version) => write((trx) => put(trx, place, version)),
    async move(from, to) {
      if (await isAny(from)) await write((trx) => move(trx, from, to))
    },
    async remove(place) {
      if (await isAny(place)) await write((trx) => remove(trx, place))
    },
    async page(mountId, after, limit) {
      const rows = await db
        .selectFrom('kept_versions')
        .selectAll()
        .where('mount_id', '=', mountId)
        .$if(after !== null, (query) => query.where('ino', '>', `${after}`))
        .orderBy('ino')
        .limit(limit)
        .execute()
      return rows.map((row) => ({ ...versionOf(row), path: row.path === '' ? null : parsePath(row.path) }))
    },
    async drop(mountId, versions) {
      if (versions.length === 0) return 0
      const counts = await write(async (trx) => {
        const done: number[] = []
        for (const version of versions) done.push(await dropOne(trx, mountId, version))
        return done
      })
      return counts.reduce((sum, count) => sum + count, 0)
    },
  }
}

function finder(engine: Engine) {
  const { db, texts } = engine
  return reading(engine, ['mount', 'inodes'], (value) =>
    db
      .selectFrom('kept_versions')
      .selectAll()
      .where('mount_id', '=', value('mount'))
      .where('ino', 'in', texts(value('inodes'))),
  )
}

function versionOf(row: Selectable<KeptVersionTable>): KeptVersion {
  return {
    now: { ino: BigInt(row.ino), size: row.size, mtimeNs: BigInt(row.mtime_ns) },
    created: Number(row.created),
    keptMtimeNs: BigInt(row.kept_mtime_ns),
  }
}

async function put(
  trx: Transaction<Database>,
  { mountId, path }: Place,
  version: KeptVersion,
): Promise<void> {
  const { now, created, keptMtimeNs } = version
  await trx
    .insertInto('kept_versions')
    .values({
      mount_id: mountId,
      ino: `${now.ino}`,
      created: `${created}`,
      size: now.size,
      mtime_ns: `${now.mtimeNs}`,
      kept_mtime_ns: `${keptMtimeNs}`,
      path,
    })
    .onConflict((conflict) =>
      conflict.columns(['mount_id', 'ino']).doUpdateSet({
        created: sql`excluded.created`,
        size: sql`excluded.size`,
        mtime_ns: sql`excluded.mtime_ns`,
        kept_mtime_ns: sql`excluded.kept_mtime_ns`,
        path: sql`excluded.path`,
      }),
    )
    .execute()
}

async function move(trx: Transaction<Database>, from: Place, to: Place): Promise<void> {
  await trx
    .updateTable('kept_versions')
    .set({ mount_id: to.mountId, path: rebased(from.path, to.path) })
    .where(within('mount_id', from.mountId, from.path))
    .execute()
}

async function remove(trx: Transaction<Database>, { mountId, path }: Place): Promise<void> {
  await trx
    .deleteFrom('kept_versions')
    .where(within('mount_id', mountId, path))
    .execute()
}

// Metadata is bound to the kept version: while there is some, the file may only have been moved by another program.
async function dropOne(trx: Transaction<Database>, mountId: string, version: PlacedVersion): Promise<number> {
  const { now, path } = version
  const { numDeletedRows } = await trx
    .deleteFrom('kept_versions')
    .where('mount_id', '=', mountId)
    .where('ino', '=', `${now.ino}`)
    .where('mtime_ns', '=', `${now.mtimeNs}`)
    .where('path', '=', path ?? '')
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('metadata')
            .select('metadata.ino')
            .where('metadata.mount_id', '=', mountId)
            .where('metadata.ino', '=', `${now.ino}`),
        ),
      ),
    )
    .executeTakeFirstOrThrow()
  return Number(numDeletedRows)
}
