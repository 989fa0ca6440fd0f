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

/** The same with a list of values, each known by its place in it: for statements that write many rows. */
export function fixedList<Row>(
  count: number,
  build: (value: (place: number) => RawBuilder<unknown>) => Compilable<Row>,
): (db: Kysely<Database>, values: readonly unknown[]) => Promise<readonly Row[]> {
  const places = Array.from({ length: count }, (_, place) => place)
  const { compiled, marked } = withMarks(places, build)
  return async (db, values) => {
    const parameters = marked.map((place, at) =>
      place === undefined ? compiled.parameters[at] : values[place],
    )
    return (await db.executeQuery<Row>({ ...compiled, parameters })).rows
  }
}

function prepared<Name extends string, Row>(
  names: readonly Name[],
  build: (value: ValueOf<Name>) => Compilable<Row>,
): (values: Readonly<Record<Name, unknown>>) => CompiledQuery<Row> {
  const { compiled, marked } = withMarks(names, build)
  return (values) => ({
    ...compiled,
    parameters: marked.map((name, at) => (name === undefined ? compiled.parameters[at] : values[name])),
  })
}

/** A compiled query, and which of the marks each of its parameters is; undefined for what the query gives itself. */
function withMarks<Mark extends string | number, Row>(
  marks: readonly Mark[],
  build: (value: <T = string>(mark: Mark) => RawBuilder<T>) => Compilable<Row>,
): { readonly compiled: CompiledQuery<Row>; readonly marked: readonly (Mark | undefined)[] } {
  const standIns = new Map(marks.map((mark) => [mark, { mark }]))
  const markOf = new Map<unknown, Mark>([...standIns].map(([mark, standIn]) => [standIn, mark]))
  const compiled = build((mark) => sql`${standIns.get(mark)}`).compile()
  return { compiled, marked: compiled.parameters.map((given) => markOf.get(given)) }
}
