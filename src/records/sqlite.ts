import { open as openFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import Sqlite from 'better-sqlite3'
import {
  type CompiledQuery,
  type DatabaseConnection,
  type DialectAdapter,
  type Driver,
  Kysely,
  type QueryResult,
  SqliteIntrospector,
  SqliteQueryCompiler,
  sql,
} from 'kysely'
import { Fault } from '#faults'
import type { ColumnKinds, Engine } from './engine.ts'
import { groupCommit } from './group-commit.ts'
import type { Database } from './schema.ts'
import { openWalSync, type Sync } from './wal-sync.ts'

const KINDS: ColumnKinds = {
  text: sql`text`,
  bytes: sql`blob`,
  whole: sql`integer`,
  sequence: sql`integer primary key autoincrement`,
}

/** SQLite's own wait blocks the event loop, so it is short; the driver goes on waiting without blocking. */
const BLOCKING_WAIT = 20
const PATIENCE = 5_000
const OPENING_WAIT = 5_000
const CACHED_STATEMENTS = 400
/** Long statements insert many rows; they hardly ever come twice in the same length. */
const CACHED_LENGTH = 4_000

/** Told each statement; for tests and debugging, because parameters may hold personal data. */
export type StatementListener = (statement: { sql: string; parameters: readonly unknown[] }) => void

export type SqliteOptions = {
  readonly onStatement?: StatementListener | undefined
  /** Milliseconds for which a statement waits while another process writes; default 5,000. */
  readonly patience?: number
}

/** Opens (creates with mode 0600) a database file. Throws Error for what is no database of SQLite. */
export async function openSqliteEngine(file: string, options: SqliteOptions = {}): Promise<Engine> {
  const { onStatement, patience = PATIENCE } = options
  const path = resolve(file)
  const made = await openFile(path, 'a', 0o600)
  await made.chmod(0o600)
  await made.close()
  const handle = openHandle(path)
  const log = await openWalSync(path).catch((error) => {
    handle.close()
    throw error
  })
  const prepare = statementCache(handle)
  const versionThisTurn = oncePerTurn(versionOf(handle))
  const db = new Kysely<Database>({
    dialect: {
      createAdapter: () => ADAPTER,
      createDriver: () => sqliteDriver({ handle, prepare, patience, sync: log.sync }),
      createIntrospector: (any) => new SqliteIntrospector(any),
      createQueryCompiler: () => new SqliteQueryCompiler(),
    },
    ...(onStatement && { log: (event) => onStatement(event.query) }),
  })
  return {
    db,
    write: groupCommit(db),
    kinds: KINDS,
    texts: (json) => sql<string>`(select value from json_each(${json}))`,
    readNow: <Row>(query: CompiledQuery<Row>) => {
      if (handle.inTransaction) return null
      onStatement?.(query)
      return rowsNow<Row>(prepare, query)
    },
    hasNews: newsOf(versionOf(handle)),
    watchNews: () => newsOf(versionThisTurn),
    backup: (file) => copyTo(handle, file),
    [Symbol.asyncDispose]: async () => {
      await db.destroy()
      // Kysely leaves a driver alone that was never used.
      handle.close()
      await log[Symbol.asyncDispose]()
    },
  }
}

function openHandle(path: string): Sqlite.Database {
  const handle = new Sqlite(path, { timeout: OPENING_WAIT })
  try {
    handle.pragma('journal_mode = WAL')
    // The driver syncs the log after each commit. Checkpoints still sync by themselves.
    handle.pragma('synchronous = NORMAL')
    handle.pragma('foreign_keys = ON')
    handle.pragma('trusted_schema = OFF')
    // Statements of several rows keep what they may have to undo; in a file that would be a third of their time.
    handle.pragma('temp_store = MEMORY')
    handle.pragma(`busy_timeout = ${BLOCKING_WAIT}`)
    // The first read makes the log.
    handle.prepare('select 1 from sqlite_schema').get()
    return handle
  } catch (error) {
    handle.close()
    throw new Error(`cannot use ${path} as a database: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    })
  }
}

async function copyTo(handle: Sqlite.Database, file: string): Promise<void> {
  // Made here: SQLite would follow a link and take over what is there.
  const made = await openFile(file, 'wx', 0o600).catch((error) => {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') {
      throw new Fault('exists', `${file} is there already`)
    }
    throw error
  })
  await made.close()
  await handle.backup(file)
}

/** `data_version` differs after another connection committed, and only then. */
function versionOf(handle: Sqlite.Database): () => number | undefined {
  const statement = handle.prepare<[], number>('pragma data_version').pluck()
  return () => statement.get()
}

/** Asked once in a turn of the event loop: what others commit during it is at the same time. */
function oncePerTurn<T>(ask: () => T): () => T {
  let held: { readonly answer: T } | null = null
  return () => {
    if (held === null) {
      held = { answer: ask() }
      setImmediate(() => {
        held = null
      })
    }
    return held.answer
  }
}

function newsOf(version: () => number | undefined): () => boolean {
  let seen = version()
  return () => {
    const now = version()
    const news = now !== seen
    seen = now
    return news
  }
}

/** The driver queues by itself: Kysely's mutex wakes all who wait at each release. */
const ADAPTER: DialectAdapter = {
  supportsMultipleConnections: true,
  supportsCreateIfNotExists: true,
  supportsTransactionalDdl: true,
  supportsReturning: true,
  acquireMigrationLock: async () => {},
  releaseMigrationLock: async () => {},
}

type Connection = {
  readonly handle: Sqlite.Database
  readonly prepare: Prepare
  readonly patience: number
  readonly sync: Sync
}

/** The one connection, as who has it sees it. */
type Turn = DatabaseConnection & {
  /** Gives it to the next who waits. */
  pass(): void
  isPassed(): boolean
  mayWrite: boolean
}

/**
 * One connection, taken in turns. Transactions that may write take SQLite's write lock at their start; what was
 * written is on disk before the caller goes on, and nobody waits for that with the connection in hand.
 */
function sqliteDriver({ handle, prepare, patience, sync }: Connection): Driver {
  const turns = takeTurns()
  const patiently = <T>(run: () => T) => retry(handle, patience, run)
  const run = (text: string) => patiently(() => prepare(text).run())
  async function executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const { statement, result } = await patiently(() => execute<R>(prepare(query.sql), query.parameters))
    if (!statement.readonly && !handle.inTransaction) await sync()
    return result
  }
  return {
    init: async () => {},
    acquireConnection: async () => turnOf(await turns.take(), executeQuery),
    releaseConnection: async (turn: Turn) => turn.pass(),
    beginTransaction: async (turn: Turn, settings) => {
      turn.mayWrite = settings.accessMode !== 'read only'
      await run(turn.mayWrite ? 'begin immediate' : 'begin')
    },
    commitTransaction: async (turn: Turn) => {
      await run('commit')
      turn.pass()
      if (turn.mayWrite) await sync()
    },
    rollbackTransaction: async (turn: Turn) => {
      // After some errors SQLite has rolled back by itself; a transaction of the next is not ours.
      if (!turn.isPassed() && handle.inTransaction) await run('rollback')
    },
    destroy: async () => {
      await turns.take()
      handle.close()
    },
  }
}

function turnOf(next: () => void, executeQuery: Turn['executeQuery']): Turn {
  let passed = false
  return {
    executeQuery,
    streamQuery: () => {
      throw new Error('results are read whole or in pages')
    },
    pass: () => {
      if (!passed) next()
      passed = true
    },
    isPassed: () => passed,
    mayWrite: false,
  }
}

/** First come, first served: a turn lasts until the function it resolves to is called. */
function takeTurns(): { take(): Promise<() => void> } {
  let last: Promise<void> = Promise.resolve()
  return {
    take: async () => {
      const before = last
      const turn = Promise.withResolvers<void>()
      last = turn.promise
      await before
      return turn.resolve
    },
  }
}

type Prepare = (text: string) => Statement

function statementCache(handle: Sqlite.Database): Prepare {
  const cache = new Map<string, Statement>()
  return (text) => {
    const cached = cache.get(text)
    if (cached) return cached
    const statement = handle.prepare<unknown[], unknown>(text)
    if (text.length > CACHED_LENGTH) return statement
    if (cache.size >= CACHED_STATEMENTS) dropOldest(cache)
    cache.set(text, statement)
    return statement
  }
}

function dropOldest(cache: Map<string, unknown>): void {
  const oldest = cache.keys().next()
  if (!oldest.done) cache.delete(oldest.value)
}

type Statement = Sqlite.Statement<unknown[], unknown>

function execute<R>(
  statement: Statement,
  parameters: readonly unknown[],
): { readonly statement: Statement; readonly result: QueryResult<R> } {
  // The query builder knows the row type; the driver hands rows through.
  if (statement.reader) return { statement, result: { rows: statement.all(parameters) as R[] } }
  const { changes } = statement.run(parameters)
  return { statement, result: { rows: [], numAffectedRows: BigInt(changes) } }
}

/** Null when it has to be tried again with patience, where an error that stays is reported. */
function rowsNow<R>(prepare: Prepare, { sql: text, parameters }: CompiledQuery): readonly R[] | null {
  try {
    return execute<R>(prepare(text), parameters).result.rows
  } catch {
    return null
  }
}

/** Runs, and while another process writes, waits and runs again. Throws what `faultOf` makes of an error. */
async function retry<T>(handle: Sqlite.Database, patience: number, run: () => T): Promise<T> {
  for (let waited = 0; ; waited += BLOCKING_WAIT + 5) {
    try {
      return run()
    } catch (error) {
      if (!isBusy(error) || handle.inTransaction || waited >= patience) throw faultOf(error)
    }
    await delay(5)
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Sqlite.SqliteError && error.code.startsWith('SQLITE_BUSY')
}

const OUT_OF_ORDER = /^SQLITE_(BUSY|LOCKED|IOERR|FULL|READONLY|CANTOPEN|CORRUPT|NOTADB|NOMEM|PROTOCOL|PERM)/

function faultOf(error: unknown): unknown {
  if (!(error instanceof Sqlite.SqliteError)) return error
  const { code } = error
  if (code === 'SQLITE_CONSTRAINT_UNIQUE' || code === 'SQLITE_CONSTRAINT_PRIMARYKEY')
    return new Fault('exists', 'it exists already', { cause: error })
  if (code === 'SQLITE_CONSTRAINT_FOREIGNKEY')
    return new Fault('not_found', 'what it belongs to is not there', { cause: error })
  if (OUT_OF_ORDER.test(code))
    return new Fault('unavailable', 'the database is not available', { cause: error })
  return error
}
