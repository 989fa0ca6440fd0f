import { type Compilable, type CompiledQuery, type Kysely, type RawBuilder, sql } from 'kysely'
import type { Engine } from './engine.ts'
import type { Database } from './schema.ts'

/** Stands for a value that each run gives. */
export type ValueOf<Name extends string> = <T = string>(name: Name) => RawBuilder<T>

/** Runs on `db`, or inside the transaction that is given as `db`. */
export type FixedQuery<Name extends string, Row> = (
  db: Kysely<Database>,
  values: Readonly<Record<Name, unknown>>,
) => Promise<readonly Row[]>

/** Builds a query of a hot path once: building costs several times what SQLite takes to run it. */
export function fixed<Name extends string, Row>(
  names: readonly Name[],
  build: (value: ValueOf<Name>) => Compilable<Row>,
): FixedQuery<Name, Row> {
  const withValues = prepared(names, build)
  return async (db, values) => (await db.executeQuery<Row>(withValues(values))).rows
}

/** The same for reading outside of transactions: at once where the engine can, which takes half of the time. */
export function reading<Name extends string, Row>(
  { db, readNow }: Pick<Engine, 'db' | 'readNow'>,
  names: readonly Name[],
  build: (value: ValueOf<Name>) => Compilable<Row>,
): (values: Readonly<Record<Name, unknown>>) => Promise<readonly Row[]> {
  const withValues = prepared(names, build)
  return async (values) => {
    const query = withValues(values)
    return readNow(query) ?? (await db.executeQuery<Row>(query)).rows
  }
}

function prepared<Name extends string, Row>(
  names: readonly Name[],
  build: (value: ValueOf<Name>) => Compilable<Row>,
): (values: Readonly<Record<Name, unknown>>) => CompiledQuery<Row> {
  const nameOfMark = new Map<unknown, Name>()
  const markOfName = new Map<Name, object>()
  for (const name of names) {
    const mark = { name }
    nameOfMark.set(mark, name)
    markOfName.set(name, mark)
  }
  const compiled: CompiledQuery<Row> = build((name) => sql`${markOfName.get(name)}`).compile()
  return (values) => ({
    ...compiled,
    parameters: compiled.parameters.map((given) => {
      const name = nameOfMark.get(given)
      return name === undefined ? given : values[name]
    }),
  })
}
