import { chmod, stat, writeFile } from 'node:fs/promises'
import { setImmediate as nextTurn } from 'node:timers/promises'
import Sqlite from 'better-sqlite3'
import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { migrate } from '#records/migrate.ts'
import { MIGRATIONS } from '#records/migrations/all.ts'
import { openSqlite } from '#records/open.ts'
import { openSqliteEngine } from '#records/sqlite.ts'
import { makeSqlite } from '#test/records/database.ts'
import { AUDIT, furnish, NOW, until } from '#test/suites/records/fixtures.ts'

const clock = { now: () => NOW }

describe('a SQLite file', () => {
  test('is made readable by its owner only, and is made so again', async () => {
    await using database = await makeSqlite()
    const mode = async (suffix: string) => ((await stat(database.file + suffix)).mode & 0o777).toString(8)
    const first = await database.open()
    await furnish(first)
    expect([await mode(''), await mode('-wal')]).toEqual(['600', '600'])
    await first[Symbol.asyncDispose]()
    await chmod(database.file, 0o644)
    await database.open()
    expect(await mode('')).toBe('600')
  })

  test('is written ahead; checkpoints are synced by SQLite, commits by the driver', async () => {
    await using database = await makeSqlite()
    await database.open()
    const { db } = await database.engine()
    expect((await sql`pragma journal_mode`.execute(db)).rows).toEqual([{ journal_mode: 'wal' }])
    expect((await sql`pragma synchronous`.execute(db)).rows).toEqual([{ synchronous: 1 }])
    expect((await sql`pragma foreign_keys`.execute(db)).rows).toEqual([{ foreign_keys: 1 }])
  })

  test('tells once, in the next turn at the latest, that another connection committed', async () => {
    await using database = await makeSqlite()
    await database.open()
    const [own, other] = [await database.engine(), await database.engine()]
    const put = ({ write }: typeof own, name: string) =>
      write((trx) =>
        trx
          .insertInto('secrets')
          .values({ name, sealed: Buffer.alloc(1) })
          .execute(),
      )
    const hasNews = own.watchNews()
    expect(hasNews()).toBe(false)
    await put(other, 'foreign')
    await nextTurn()
    expect([hasNews(), hasNews()]).toEqual([true, false])
    await put(own, 'own')
    await nextTurn()
    expect(hasNews()).toBe(false)
  })

  test('that is none is refused with its name', async () => {
    await using database = await makeSqlite()
    await writeFile(database.file, 'this is a text and no database at all, whatever its name says')
    await expect(database.open()).rejects.toThrow(`cannot use ${database.file} as a database`)
  })

  test('in a folder that is not there is refused', async () => {
    await using database = await makeSqlite()
    await expect(openSqlite(`${database.file}-missing/x.db`, { clock })).rejects.toThrow(/ENOENT/)
  })
})

describe('migrations', () => {
  const names = MIGRATIONS.map((migration) => migration.name)

  test('run once, in order', async () => {
    await using database = await makeSqlite()
    await furnish(await database.open())
    const again = await database.open({ clock: { now: () => NOW + 5 } })
    expect((await again.identity.sites()).map((site) => site.id)).toEqual(['s1'])
    const { db } = await database.engine()
    const rows = await db.selectFrom('migrations').selectAll().orderBy('name').execute()
    expect(rows).toEqual(names.map((name) => ({ name, applied_at: NOW })))
    expect(names).toEqual(names.toSorted())
  })

  test('of processes that start at once run once', async () => {
    await using database = await makeSqlite()
    const all = await Promise.all(Array.from({ length: 5 }, () => database.open()))
    expect(await Promise.all(all.map((records) => records.identity.sites()))).toEqual([[], [], [], [], []])
  })

  test('a newer database is refused with a clear message, and left as it is', async () => {
    await using database = await makeSqlite()
    await database.open()
    const { db } = await database.engine()
    await db.insertInto('migrations').values({ name: '9999-future', applied_at: NOW }).execute()
    await expect(database.open()).rejects.toThrow(/newer version of this program \(9999-future\)/)
    await expect(database.open()).rejects.toThrow(names.at(-1))
    expect(await db.selectFrom('migrations').selectAll().execute()).toHaveLength(names.length + 1)
  })

  test('a further step runs on an old database; one that fails leaves nothing', async () => {
    await using database = await makeSqlite()
    await furnish(await database.open())
    const engine = await database.engine()
    const breaking = {
      name: '9998-breaking',
      up: async (db: typeof engine.db) => {
        await db.deleteFrom('keys').execute()
        await db.schema.dropTable('tickets').execute()
        throw new Error('broken step')
      },
    }
    await expect(migrate(engine, clock, [...MIGRATIONS, breaking])).rejects.toThrow('broken step')
    expect(await engine.db.selectFrom('keys').select('id').execute()).toEqual([{ id: 'k1' }])
    expect(await engine.db.selectFrom('tickets').selectAll().execute()).toEqual([])
    const mending = {
      name: '9998-mending',
      up: async (db: typeof engine.db) => {
        await db.schema.alterTable('keys').addColumn('colour', 'text').execute()
      },
    }
    await migrate(engine, clock, [...MIGRATIONS, mending])
    const names = await engine.db.selectFrom('migrations').select('name').execute()
    expect(names).toContainEqual({ name: '9998-mending' })
  })
})

describe('while another process writes', () => {
  test('a change waits without blocking the event loop, and then is made', async () => {
    await using database = await makeSqlite()
    const records = await database.open()
    const other = new Sqlite(database.file)
    other.exec('begin immediate')
    let turns = 0
    const ticking = setInterval(() => turns++, 1)
    let done = false
    const change = records.secrets.put('pepper', Buffer.from('x')).then(() => {
      done = true
    })
    await until(() => turns > 10)
    expect(done).toBe(false)
    other.exec('commit')
    other.close()
    await change
    clearInterval(ticking)
    expect(await records.secrets.get('pepper')).toEqual(Buffer.from('x'))
  })

  test('patience ends with the fault `unavailable`, and the next change works', async () => {
    await using database = await makeSqlite()
    await database.open()
    const other = new Sqlite(database.file)
    await using engine = await openSqliteEngine(database.file, { patience: 50 })
    const insert = () =>
      engine.write((trx) =>
        trx
          .insertInto('secrets')
          .values({ name: 'a', sealed: Buffer.alloc(1) })
          .execute(),
      )
    other.exec('begin immediate')
    await expect(insert()).rejects.toMatchObject({ name: 'Fault', code: 'unavailable' })
    other.exec('commit')
    other.close()
    await insert()
    expect(await engine.db.selectFrom('secrets').select('name').execute()).toEqual([{ name: 'a' }])
  })

  test('reading goes on', async () => {
    await using database = await makeSqlite()
    const records = await database.open()
    await furnish(records)
    const other = new Sqlite(database.file)
    other.exec('begin immediate')
    expect((await records.credentials.accountByKeyId('k1'))?.key.name).toBe('first')
    other.close()
  })
})

describe('many callers at once', () => {
  test('share one connection in order, transactions never mix', async () => {
    await using database = await makeSqlite()
    const records = await database.open()
    await furnish(records)
    const reads = Array.from({ length: 300 }, () => records.credentials.accountByKeyId('k1'))
    const changes = Array.from({ length: 30 }, (_, i) =>
      records.identity.updateKey('s1', 'k1', { description: `${i}` }, AUDIT),
    )
    const failing = Array.from({ length: 30 }, () =>
      records.identity.updateKey('s1', 'none', {}, AUDIT).catch((error) => error.code),
    )
    const found = await Promise.all(reads)
    expect(found.every((account) => account?.key.id === 'k1')).toBe(true)
    await Promise.all(changes)
    expect(new Set(await Promise.all(failing))).toEqual(new Set(['not_found']))
    expect((await records.identity.keyById('s1', 'k1'))?.description).toBe('29')
  })

  test('changes that come together share a commit, and one that fails fails alone', async () => {
    await using database = await makeSqlite()
    await database.open()
    const { db, write } = await database.engine()
    const put = (name: string) =>
      write((trx) =>
        trx
          .insertInto('secrets')
          .values({ name, sealed: Buffer.alloc(1) })
          .execute(),
      )
    const before = writtenPages(database.file)
    await Promise.all(Array.from({ length: 100 }, (_, i) => put(`${i}`)))
    // Each commit of its own would write at least one page.
    expect(writtenPages(database.file) - before).toBeLessThan(50)
    const results = await Promise.allSettled([put('new'), put('5'), put('newer')])
    expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(await db.selectFrom('secrets').select('name').execute()).toHaveLength(102)
  })
})

/** Pages in the write-ahead log. */
function writtenPages(file: string): number {
  const handle = new Sqlite(file)
  const [row] = handle.prepare<[], { log: number }>('pragma wal_checkpoint(passive)').all()
  handle.close()
  return row?.log ?? 0
}
