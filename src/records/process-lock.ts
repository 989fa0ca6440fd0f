import { chmodSync } from 'node:fs'
import Database from 'better-sqlite3'

/**
 * Holds a lock file until it is disposed or the process ends, however it ends: the lock is SQLite's on an
 * empty database, so the kernel gives it back. Null when another process holds it.
 */
export function holdProcessLock(file: string): Disposable | null {
  const database = new Database(file, { timeout: 0 })
  try {
    chmodSync(file, 0o600)
    database.exec('begin exclusive')
    return { [Symbol.dispose]: () => database.close() }
  } catch (error) {
    database.close()
    if (error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY')) return null
    throw error
  }
}
