import { describe, expect, test } from 'vitest'
import type { AuditEntry } from '#audit/ports.ts'
import { createAuditWriter } from '#audit/writer.ts'
import { fileEntry, sharedLog } from '#test/audit/log.ts'

const login = (subject: string) => fileEntry(subject, { action: 'login' })

/** A writer on a list, with what went wrong. */
function listWriter(fails: () => boolean = () => false) {
  const batches: string[][] = []
  const lost: string[] = []
  const append = async (entries: readonly AuditEntry[]) => {
    if (fails()) throw new Error('disk full')
    batches.push(entries.map(({ subject }) => subject))
  }
  const writer = createAuditWriter(append, (_, entries) =>
    lost.push(...entries.map(({ subject }) => subject)),
  )
  return { writer, batches, lost }
}

describe('R3: durability', () => {
  test('a login is in the database when recordNow resolves, with the file events before it', async () => {
    await using log = await sharedLog()
    const records = await log.process()
    await using writer = createAuditWriter(records.audit.append, () => {})
    writer.record(fileEntry('/before'))
    await writer.recordNow(login('client'))
    const { db } = await log.engine()
    const rows = await db.selectFrom('audit').select('subject').where('number', '>', 1).execute()
    expect(rows).toEqual([{ subject: '/before' }, { subject: 'client' }])
  })

  test('logins that come together share a commit', async () => {
    const { writer, batches } = listWriter()
    await Promise.all(Array.from({ length: 200 }, (_, i) => writer.recordNow(login(`${i}`))))
    expect(batches.flat()).toHaveLength(200)
    expect(batches.length).toBeLessThan(5)
  })

  test('a login that cannot be written is refused and not kept; file events are kept and come later', async () => {
    let broken = true
    const { writer, batches, lost } = listWriter(() => broken)
    writer.record(fileEntry('/kept'))
    await expect(writer.recordNow(login('x'))).rejects.toMatchObject({ code: 'unavailable' })
    broken = false
    await expect.poll(() => batches).toEqual([['/kept']])
    expect(lost).toEqual([])
  })

  test('file events are written by themselves within 100 ms', async () => {
    const { writer, batches } = listWriter()
    writer.record(fileEntry('/a'))
    writer.record(fileEntry('/b'))
    expect(batches).toEqual([])
    await expect.poll(() => batches, { interval: 5 }).toEqual([['/a', '/b']])
  })

  test('what is held when the process ends is written', async () => {
    const { writer, batches } = listWriter()
    writer.record(fileEntry('/last'))
    await writer[Symbol.asyncDispose]()
    expect(batches).toEqual([['/last']])
  })
})
