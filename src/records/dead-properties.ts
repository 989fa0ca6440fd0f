import type { Transaction } from 'kysely'
import { Fault } from '#faults'
import type { Place, PropertyStore } from '#files/ports.ts'
import type { DeadProperty, PropertyName } from '#files/types.ts'
import type { VirtualPath } from '#permissions/path.ts'
import { anyWithin } from './any-within.ts'
import type { Engine } from './engine.ts'
import { reading } from './fixed.ts'
import type { Work } from './group-commit.ts'
import { rebased, within } from './paths.ts'
import { remembered } from './remembered.ts'
import type { Database, DeadPropertyTable } from './schema.ts'

/** Dead WebDAV properties by place. What has none costs a look into the index at most, and no write. */
export function propertyStore(engine: Engine): PropertyStore {
  const { db } = engine
  const rowsOf = finder(engine)
  const anyAt = anyWithin(engine, 'dead_properties')
  const first = remembered(engine, () => db.selectFrom('dead_properties').select('local').limit(1).execute())
  const isUsed = async () => (await first.get()).length > 0
  const isAny = async (place: Place) => (await isUsed()) && anyAt(place)
  const write = <T>(work: Work<T>) => first.change(() => engine.write(work))
  return {
    find: async (mountId, paths) => ((await isUsed()) ? find(rowsOf, mountId, paths) : paths.map(() => [])),
    change: (place, change, most) => write((trx) => apply(trx, place, change, most)),
    async copy(from, to, shallow) {
      const found = await Promise.all([isAny(from), isAny(to)])
      if (found.includes(true)) await write((trx) => copy(trx, from, to, shallow))
    },
    async move(from, to) {
      const found = await Promise.all([isAny(from), isAny(to)])
      if (found.includes(true)) await write((trx) => move(trx, from, to))
    },
    async remove(place) {
      if (await isAny(place)) await write((trx) => remove(trx, place))
    },
  }
}

type Row = Pick<DeadPropertyTable, 'path' | 'uri' | 'local' | 'xml'>

type Finder = (values: { readonly mount: string; readonly paths: string }) => Promise<readonly Row[]>

function finder(engine: Engine): Finder {
  const { db, texts } = engine
  return reading(engine, ['mount', 'paths'], (value) =>
    db
      .selectFrom('dead_properties')
      .select(['path', 'uri', 'local', 'xml'])
      .where('mount_id', '=', value('mount'))
      .where('path', 'in', texts(value('paths'))),
  )
}

async function find(
  rowsOf: Finder,
  mount: string,
  paths: readonly VirtualPath[],
): Promise<readonly (readonly DeadProperty[])[]> {
  const rows = paths.length === 0 ? [] : await rowsOf({ mount, paths: JSON.stringify(paths) })
  const byPath = new Map<string, DeadProperty[]>()
  for (const { path, uri, local, xml } of rows) {
    const known = byPath.get(path)
    if (known === undefined) byPath.set(path, [{ uri, local, xml }])
    else known.push({ uri, local, xml })
  }
  return paths.map((path) => byPath.get(path) ?? [])
}

async function apply(
  trx: Transaction<Database>,
  { mountId, path }: Place,
  {
    set,
    remove: removed,
  }: { readonly set: readonly DeadProperty[]; readonly remove: readonly PropertyName[] },
  most: number,
): Promise<void> {
  for (const { uri, local } of removed) {
    await trx
      .deleteFrom('dead_properties')
      .where('mount_id', '=', mountId)
      .where('path', '=', path)
      .where('uri', '=', uri)
      .where('local', '=', local)
      .execute()
  }
  if (set.length === 0) return
  await trx
    .insertInto('dead_properties')
    .values(set.map(({ uri, local, xml }) => ({ mount_id: mountId, path, uri, local, xml })))
    .onConflict((conflict) =>
      conflict
        .columns(['mount_id', 'path', 'uri', 'local'])
        .doUpdateSet((eb) => ({ xml: eb.ref('excluded.xml') })),
    )
    .execute()
  const { count } = await trx
    .selectFrom('dead_properties')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('mount_id', '=', mountId)
    .where('path', '=', path)
    .executeTakeFirstOrThrow()
  if (Number(count) > most) throw new Fault('quota', 'the resource has too many properties')
}

async function remove(trx: Transaction<Database>, { mountId, path }: Place): Promise<void> {
  await trx
    .deleteFrom('dead_properties')
    .where(within('mount_id', mountId, path))
    .execute()
}

async function copy(trx: Transaction<Database>, from: Place, to: Place, shallow: boolean): Promise<void> {
  await remove(trx, to)
  await trx
    .insertInto('dead_properties')
    .columns(['mount_id', 'path', 'uri', 'local', 'xml'])
    .expression((eb) =>
      eb
        .selectFrom('dead_properties')
        .select([
          eb.val(to.mountId).as('mount_id'),
          rebased(from.path, to.path).as('path'),
          'uri',
          'local',
          'xml',
        ])
        .where(within('mount_id', from.mountId, from.path))
        .$if(shallow, (query) => query.where('path', '=', from.path)),
    )
    .execute()
}

async function move(trx: Transaction<Database>, from: Place, to: Place): Promise<void> {
  await remove(trx, to)
  await trx
    .updateTable('dead_properties')
    .set({ mount_id: to.mountId, path: rebased(from.path, to.path) })
    .where(within('mount_id', from.mountId, from.path))
    .execute()
}
