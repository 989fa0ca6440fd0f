import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Engine } from '#records/engine.ts'
import { openSqlite, type Records } from '#records/open.ts'
import { openSqliteEngine } from '#records/sqlite.ts'
import { NOW, type TestDatabase } from '#test/suites/records/fixtures.ts'

/** An empty SQLite file in a folder that goes with it. */
export async function makeSqlite(): Promise<TestDatabase & { readonly file: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-records-'))
  const file = join(folder, 'records.db')
  const opened: (Records | Engine)[] = []
  return {
    file,
    open: async (options = {}) => {
      const records = await openSqlite(file, { clock: { now: () => NOW }, ...options })
      opened.push(records)
      return records
    },
    engine: async () => {
      const engine = await openSqliteEngine(file)
      opened.push(engine)
      return engine
    },
    [Symbol.asyncDispose]: async () => {
      for (const one of opened) await one[Symbol.asyncDispose]()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
