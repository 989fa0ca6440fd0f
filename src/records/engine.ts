import type { CompiledQuery, Kysely, RawBuilder } from 'kysely'
import type { Write } from './group-commit.ts'
import type { Database } from './schema.ts'

/** Column types that an engine spells in its own way. */
export type ColumnKinds = {
  /** Unicode text that compares and sorts by its UTF-8 bytes. */
  readonly text: RawBuilder<unknown>
  readonly bytes: RawBuilder<unknown>
  /** Whole number of 64 bits, read as a JavaScript number. */
  readonly whole: RawBuilder<unknown>
  /** Primary key that counts up and never gives a number twice. */
  readonly sequence: RawBuilder<unknown>
}

/** A database. Its driver throws Faults: `exists`, `not_found` (of what a row refers to), `unavailable`. */
export type Engine = AsyncDisposable & {
  readonly db: Kysely<Database>
  /** For single changes of hot paths; what belongs together takes `db.transaction()`. */
  readonly write: Write
  readonly kinds: ColumnKinds
  /** A list of texts for `in`, from its JSON: one parameter and one statement for any length. */
  texts(json: RawBuilder<string>): RawBuilder<string>
  /** Rows of a query without waiting; null while a transaction is under way or another process writes: ask `db`. */
  readNow<Row>(query: CompiledQuery<Row>): readonly Row[] | null
  /** True when another connection may have committed since the last call; cheap, called every 50 ms. */
  hasNews(): boolean
  /** Another `hasNews`, which counts from now on by itself and looks once in a turn of the event loop. */
  watchNews(): () => boolean
  /** Writes a consistent copy, mode 0600, while others read and write. Fault: exists. */
  backup(file: string): Promise<void>
}
