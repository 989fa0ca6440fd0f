import { sql } from 'kysely'
import type { Place } from '#files/ports.ts'
import type { Engine } from './engine.ts'
import { reading } from './fixed.ts'
import { bounds } from './paths.ts'

type PlacedTable = 'metadata' | 'dead_properties' | 'kept_versions'

/** Does the table speak of a place or anything below it? Asked before a change: most often there is nothing to change. */
export function anyWithin(engine: Engine, table: PlacedTable): (place: Place) => Promise<boolean> {
  const from = sql`select 1 as one from ${sql.table(table)}`
  const rows = reading<'mount' | 'path' | 'low' | 'high', { one: number }>(
    engine,
    ['mount', 'path', 'low', 'high'],
    (value) => {
      const at = sql`${from} where mount_id = ${value('mount')} and path = ${value('path')}`
      const below = sql`${from} where mount_id = ${value('mount')} and path > ${value('low')} and path < ${value('high')}`
      return { compile: () => sql<{ one: number }>`${at} union all ${below} limit 1`.compile(engine.db) }
    },
  )
  return async ({ mountId, path }) => (await rows({ mount: mountId, path, ...bounds(path) })).length > 0
}
