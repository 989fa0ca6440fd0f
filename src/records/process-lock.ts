import { chmodSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import Database from 'better-sqlite3'

/**
 * Holds a lock file until it is disposed or the process ends, however it ends: the lock is SQLite's on an
 * empty database, so the kernel gives it back. Null when another process holds it.
 */
export function holdProcessLock(file: string): Disposable | null {
  return take(file, ['begin exclusive'])
}

const ORPHANS_MS = 10_000
const LOOK_MS = 20

/**
 * The same for a process whose workers share the lock. Workers of one that was killed end by themselves, and are
 * waited for. Null when another process holds the lock, or workers of another still share it after 10 s.
 */
export async function leadProcessLock(file: string): Promise<Disposable | null> {
  for (let waited = 0; waited <= ORPHANS_MS; waited += LOOK_MS) {
    // Nobody shares it, then: others may from now on.
    const lock = take(file, ['begin exclusive', 'rollback', 'begin immediate'])
    if (lock !== null) return lock
    const beside = take(file, ['begin immediate'])
    if (beside === null) return null
    beside[Symbol.dispose]()
    await delay(LOOK_MS)
  }
  return null
}

/** Shares the lock that another process leads: while this one lives, no other may take it. Null when it is held. */
export function shareProcessLock(file: string): Disposable | null {
  return take(file, ['begin', 'select count(*) from sqlite_schema'])
}

function take(file: string, statements: readonly string[]): Disposable | null {
  const database = new Database(file, { timeout: 0 })
  try {
    chmodSync(file, 0o600)
    for (const statement of statements) database.exec(statement)
    return { [Symbol.dispose]: () => database.close() }
  } catch (error) {
    database.close()
    if (error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY')) return null
    throw error
  }
}
