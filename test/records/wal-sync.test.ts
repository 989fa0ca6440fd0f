import { open } from 'node:fs/promises'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { Engine } from '#records/engine.ts'
import { shared } from '#records/wal-sync.ts'
import { makeSqlite } from '#test/records/database.ts'
import { NOW } from '#test/suites/records/fixtures.ts'

afterEach(() => vi.restoreAllMocks())

/** Every sync of a file in this process waits until it is let go. */
async function holdSyncs() {
  const waiting: PromiseWithResolvers<void>[] = []
  const some = await open('/dev/null')
  const prototype = Object.getPrototypeOf(some)
  await some.close()
  vi.spyOn(prototype, 'datasync').mockImplementation(() => {
    const one = Promise.withResolvers<void>()
    waiting.push(one)
    return one.promise
  })
  return waiting
}

const row = (name: string) => ({ name, applied_at: NOW })
const insert = (engine: Engine, name: string) =>
  engine.db.insertInto('migrations').values(row(name)).execute()

const WAYS: [string, (engine: Engine) => Promise<unknown>][] = [
  ['a single statement', (engine) => insert(engine, 'x')],
  ['a change that shares its commit', ({ write }) => write((trx) => put(trx))],
  ['a transaction', ({ db }) => db.transaction().execute((trx) => put(trx))],
]
const put = (trx: Engine['db']) => trx.insertInto('migrations').values(row('x')).execute()

describe('what is committed is on disk before the caller goes on (D5)', () => {
  test.for(WAYS)('%s', async ([, write]) => {
    await using database = await makeSqlite()
    await database.open()
    const engine = await database.engine()
    const syncs = await holdSyncs()
    let isDone = false
    const done = write(engine).then(() => {
      isDone = true
    })
    await vi.waitFor(() => expect(syncs).toHaveLength(1), 10_000)
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(isDone).toBe(false)
    syncs[0]?.resolve()
    await done
  })

  test.for(WAYS)('%s is not acknowledged when the disk fails', async ([, write]) => {
    await using database = await makeSqlite()
    await database.open()
    const engine = await database.engine()
    const syncs = await holdSyncs()
    const done = expect(write(engine)).rejects.toMatchObject({ code: 'unavailable' })
    await vi.waitFor(() => expect(syncs).toHaveLength(1), 10_000)
    syncs[0]?.reject(Object.assign(new Error('EIO'), { code: 'EIO' }))
    await done
    vi.restoreAllMocks()
    await insert(engine, 'y')
  })

  test('others read and write while a transaction waits for the disk', async () => {
    await using database = await makeSqlite()
    await database.open()
    const engine = await database.engine()
    const syncs = await holdSyncs()
    const first = engine.db.transaction().execute((trx) => put(trx))
    await vi.waitFor(() => expect(syncs).toHaveLength(1), 10_000)
    const names = await engine.db.selectFrom('migrations').select('name').where('name', '=', 'x').execute()
    expect(names).toEqual([{ name: 'x' }])
    const second = insert(engine, 'y')
    syncs[0]?.resolve()
    await first
    await vi.waitFor(() => expect(syncs).toHaveLength(2), 10_000)
    syncs[1]?.resolve()
    await second
  })

  test('reading syncs nothing', async () => {
    await using database = await makeSqlite()
    const records = await database.open()
    const syncs = await holdSyncs()
    expect(await records.identity.sites()).toEqual([])
    expect(syncs).toEqual([])
  })
})

describe('one sync for all who wait', () => {
  test('who comes while it runs gets the next one, together', async () => {
    const runs: PromiseWithResolvers<void>[] = []
    const sync = shared(() => {
      const one = Promise.withResolvers<void>()
      runs.push(one)
      return one.promise
    })
    const first = sync()
    const later = [sync(), sync(), sync()]
    expect(runs).toHaveLength(1)
    runs[0]?.resolve()
    await first
    await vi.waitFor(() => expect(runs).toHaveLength(2), 10_000)
    runs[1]?.resolve()
    await Promise.all(later)
    const last = sync()
    expect(runs).toHaveLength(3)
    runs[2]?.resolve()
    await last
  })

  test('a failure is told to those who waited for it, and to no later one', async () => {
    const outcomes = [Promise.reject(new Error('EIO')), Promise.resolve()]
    const sync = shared(() => outcomes.shift() ?? Promise.resolve())
    const first = expect(sync()).rejects.toMatchObject({ code: 'unavailable' })
    await sync()
    await first
  })
})
