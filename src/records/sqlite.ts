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
  const db = new Kysely<Database>({
    dialect: {
      createAdapter: () => ADAPTER,
      createDriver: () => sqliteDriver(handle, patience),
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
    hasNews: newsOf(handle),
    backup: (file) => copyTo(handle, file),
    [Symbol.asyncDispose]: async () => {
      await db.destroy()
      // Kysely leaves a driver alone that was never used.
      handle.close()
    },
  }
}

function openHandle(path: string): Sqlite.Database {
  const handle = new Sqlite(path, { timeout: OPENING_WAIT })
  try {
    handle.pragma('journal_mode = WAL')
    handle.pragma('synchronous = FULL')
    handle.pragma('foreign_keys = ON')
    handle.pragma('trusted_schema = OFF')
    handle.pragma(`busy_timeout = ${BLOCKING_WAIT}`)
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
function newsOf(handle: Sqlite.Database): () => boolean {
  const statement = handle.prepare<[], number>('pragma data_version').pluck()
  let seen = statement.get()
  return () => {
    const version = statement.get()
    const news = version !== seen
    seen = version
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

/** One connection, taken in turns. Transactions that may write take SQLite's write lock at their start. */
function sqliteDriver(handle: Sqlite.Database, patience: number): Driver {
  const turns = takeTurns()
  const prepare = statementCache(handle)
  const patiently = <T>(run: () => T) => retry(handle, patience, run)
  const run = (text: string) => patiently(() => prepare(text).run())
  const connection: DatabaseConnection = {
    executeQuery: <R>(query: CompiledQuery) => patiently(() => execute<R>(prepare, query)),
    streamQuery: () => {
      throw new Error('results are read whole or in pages')
    },
  }
  return {
    init: async () => {},
    acquireConnection: async () => {
      await turns.take()
      return connection
    },
    releaseConnection: async () => turns.pass(),
    beginTransaction: async (_, settings) => {
      await run(settings.accessMode === 'read only' ? 'begin' : 'begin immediate')
    },
    commitTransaction: async () => {
      await run('commit')
    },
    rollbackTransaction: async () => {
      // After some errors SQLite has rolled back by itself.
      if (handle.inTransaction) await run('rollback')
    },
    destroy: async () => {
      await turns.take()
      handle.close()
    },
  }
}

/** First come, first served. */
function takeTurns(): { take(): Promise<void>; pass(): void } {
  let last: Promise<void> = Promise.resolve()
  let pass = () => {}
  return {
    take: async () => {
      const before = last
      const turn = Promise.withResolvers<void>()
      last = turn.promise
      await before
      pass = turn.resolve
    },
    pass: () => pass(),
  }
}

type Prepare = (text: string) => Sqlite.Statement<unknown[], unknown>

function statementCache(handle: Sqlite.Database): Prepare {
  const cache = new Map<string, Sqlite.Statement<unknown[], unknown>>()
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

function execute<R>(prepare: Prepare, { sql: text, parameters }: CompiledQuery): QueryResult<R> {
  const statement = prepare(text)
  // The query builder knows the row type; the driver hands rows through.
  if (statement.reader) return { rows: statement.all(parameters) as R[] }
  const { changes } = statement.run(parameters)
  return { rows: [], numAffectedRows: BigInt(changes) }
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
