import type { Kysely, Transaction } from 'kysely'
import type { Fingerprint, Metadata } from '#files/metadata.ts'
import type { MetadataStore, Place, Stray } from '#files/ports.ts'
import { parsePath, type VirtualPath } from '#permissions/path.ts'
import { anyWithin } from './any-within.ts'
import type { Engine } from './engine.ts'
import { type FixedQuery, fixed, reading } from './fixed.ts'
import { rebased, within } from './paths.ts'
import { fromJson } from './rows.ts'
import type { Database, MetadataTable } from './schema.ts'

/** Object metadata beside the files, keyed by (mount, path, inode), valid for one size and mtime. */
export function metadataStore(engine: Engine): MetadataStore {
  const { db, write } = engine
  const find = finder(engine)
  const isAny = anyWithin(engine, 'metadata')
  const rowsByInode = strayFinder(engine)
  const put = putter(db)
  return {
    find,
    strays: (mountId, files) => strays(db, rowsByInode, mountId, files),
    rehome: ({ mountId, path }, ino, to) => write((trx) => rehome(trx, mountId, path, ino, to)),
    put: async ({ mountId, path }, fingerprint, metadata) => {
      const content = JSON.stringify(metadata)
      await write((trx) => put(trx, { mount_id: mountId, path, ...columnsOf(fingerprint), content }))
    },
    retime: async ({ mountId, path }, from, to) => {
      await write((trx) =>
        trx
          .updateTable('metadata')
          .set(columnsOf(to))
          .where('mount_id', '=', mountId)
          .where('path', '=', path)
          .where('ino', '=', `${from.ino}`)
          .where('size', '=', from.size)
          .where('mtime_ns', '=', `${from.mtimeNs}`)
          .execute(),
      )
    },
    move: async (from, to) => {
      if (await isAny(from)) await write((trx) => move(trx, from, to))
    },
    remove: async ({ mountId, path }, except) => {
      if (!(await isAny({ mountId, path }))) return
      await write((trx) =>
        trx
          .deleteFrom('metadata')
          .where(within('mount_id', mountId, path))
          .$if(except !== undefined, (query) => query.where('ino', '!=', `${except}`))
          .execute(),
      )
    },
  }
}

function columnsOf({ ino, size, mtimeNs }: Fingerprint) {
  return { ino: `${ino}`, size, mtime_ns: `${mtimeNs}` }
}

type Row = Pick<MetadataTable, 'path' | 'ino' | 'size' | 'mtime_ns' | 'content'>

type Version = { readonly path: VirtualPath; readonly fingerprint: Fingerprint }

/** From this many on, what lies between the first and the last is read in one go: pages of a listing do. */
const PAGE = 50

function finder(engine: Engine): MetadataStore['find'] {
  const { db, texts } = engine
  const rows = db.selectFrom('metadata').select(['path', 'ino', 'size', 'mtime_ns', 'content'])
  const at = reading(engine, ['mount', 'path'], (value) =>
    rows.where('mount_id', '=', value('mount')).where('path', '=', value('path')),
  )
  const among = reading(engine, ['mount', 'paths'], (value) =>
    rows.where('mount_id', '=', value('mount')).where('path', 'in', texts(value('paths'))),
  )
  const between = reading(engine, ['mount', 'first', 'last', 'most'], (value) =>
    rows
      .where('mount_id', '=', value('mount'))
      .where('path', '>=', value('first'))
      .where('path', '<=', value('last'))
      .limit(value<number>('most')),
  )

  async function rowsOf(mount: string, paths: readonly VirtualPath[]): Promise<readonly Row[]> {
    const [first] = paths
    const last = paths.at(-1)
    if (first === undefined || last === undefined) return []
    if (paths.length === 1) return at({ mount, path: first })
    if (paths.length < PAGE) return among({ mount, paths: JSON.stringify(paths) })
    const found = await between({ mount, first, last, most: paths.length * 2 })
    const known = new Set(found.map(({ path }) => path))
    const missing = paths.filter((path) => !known.has(path))
    if (missing.length === 0) return found
    return [...found, ...(await among({ mount, paths: JSON.stringify(missing) }))]
  }

  return async (mountId, files) => {
    const paths = files.map(({ path }) => path)
    return matching(await rowsOf(mountId, paths), files)
  }
}

function matching(rows: readonly Row[], files: readonly Version[]): readonly (Metadata | null)[] {
  if (rows.length === 0) return files.map(() => null)
  const byPath = new Map<string, Row[]>()
  for (const row of rows) {
    const others = byPath.get(row.path)
    if (others === undefined) byPath.set(row.path, [row])
    else others.push(row)
  }
  return files.map(({ path, fingerprint: { ino, size, mtimeNs } }) => {
    const row = byPath
      .get(path)
      ?.find((one) => one.size === size && one.mtime_ns === `${mtimeNs}` && one.ino === `${ino}`)
    return row === undefined ? null : fromJson<Metadata>(row.content)
  })
}

type StrayFinder = FixedQuery<'mount' | 'inodes', Row>

function strayFinder({ db, texts }: Engine): StrayFinder {
  return fixed(['mount', 'inodes'], (value) =>
    db
      .selectFrom('metadata')
      .select(['path', 'ino', 'size', 'mtime_ns', 'content'])
      .where('mount_id', '=', value('mount'))
      .where('ino', 'in', texts(value('inodes'))),
  )
}

async function strays(
  db: Kysely<Database>,
  rowsByInode: StrayFinder,
  mount: string,
  files: readonly Fingerprint[],
): Promise<readonly (Stray | null)[]> {
  if (files.length === 0) return []
  const inodes = JSON.stringify(files.map(({ ino }) => `${ino}`))
  const rows = await rowsByInode(db, { mount, inodes })
  if (rows.length === 0) return files.map(() => null)
  const byVersion = new Map(rows.map((row) => [versionKey('', row.ino, row.size, row.mtime_ns), row]))
  return files.map(({ ino, size, mtimeNs }) => {
    const row = byVersion.get(versionKey('', ino, size, mtimeNs))
    return row === undefined ? null : { path: parsePath(row.path), metadata: fromJson<Metadata>(row.content) }
  })
}

async function rehome(
  trx: Transaction<Database>,
  mount: string,
  from: VirtualPath,
  ino: bigint,
  to: VirtualPath,
): Promise<void> {
  const ofInode = { mount_id: mount, ino: `${ino}` }
  await trx
    .deleteFrom('metadata')
    .where((eb) => eb.and({ ...ofInode, path: to }))
    .execute()
  await trx
    .updateTable('metadata')
    .set({ path: to })
    .where((eb) => eb.and({ ...ofInode, path: from }))
    .execute()
}

/** A path holds no NUL, so the parts cannot run into each other. */
function versionKey(path: string, ino: string | bigint, size: number, mtimeNs: string | bigint): string {
  return `${ino}\0${size}\0${mtimeNs}\0${path}`
}

type Putter = FixedQuery<'mount_id' | 'path' | 'ino' | 'size' | 'mtime_ns' | 'content', unknown>

function putter(db: Kysely<Database>): Putter {
  return fixed(['mount_id', 'path', 'ino', 'size', 'mtime_ns', 'content'], (value) =>
    db
      .insertInto('metadata')
      .values({
        mount_id: value('mount_id'),
        path: value('path'),
        ino: value('ino'),
        size: value<number>('size'),
        mtime_ns: value('mtime_ns'),
        content: value('content'),
      })
      .onConflict((conflict) =>
        conflict.columns(['mount_id', 'path', 'ino']).doUpdateSet((eb) => ({
          size: eb.ref('excluded.size'),
          mtime_ns: eb.ref('excluded.mtime_ns'),
          content: eb.ref('excluded.content'),
        })),
      ),
  )
}

async function move(trx: Transaction<Database>, from: Place, to: Place): Promise<void> {
  // A row that a moved one would meet speaks of an inode that is not there any more: it came from `from`.
  await trx
    .deleteFrom('metadata')
    .where(within('mount_id', to.mountId, to.path))
    .where('ino', 'in', (eb) =>
      eb
        .selectFrom('metadata')
        .select('ino')
        .where(within('mount_id', from.mountId, from.path)),
    )
    .execute()
  await trx
    .updateTable('metadata')
    .set({ mount_id: to.mountId, path: rebased(from.path, to.path) })
    .where(within('mount_id', from.mountId, from.path))
    .execute()
}
