import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import Database from 'better-sqlite3'
import { expect, test } from 'vitest'
import { startServer } from '../clients/server.ts'
import { contentOf } from './versions.ts'
import { connectWriters } from './writers.ts'

const HELD_MS = 8_000

test('a database that another program holds locked: no crash, no false answer, and work goes on afterwards', async () => {
  await using server = await startServer()
  const writers = await connectWriters(server.demo)
  const other = new Database(join(server.data, 'latchkey.db'))
  other.exec('begin immediate')
  const asked = performance.now()
  // A login has to be in the audit before it counts: it is let in late or refused as unavailable, never hung.
  const { webdav, login, value } = server.demo
  const authorization = `Basic ${Buffer.from(`${login}:${value}`).toString('base64')}`
  const read = await fetch(`${webdav}/demo/`, { method: 'PROPFIND', headers: { authorization, depth: '0' } })
  expect([207, 503]).toContain(read.status)
  const writes = writers.map(({ door, put }) =>
    put(`/demo/${door}`, contentOf(door, 1, 1_000)).then(
      () => performance.now() - asked,
      () => null,
    ),
  )
  await sleep(HELD_MS)
  other.exec('rollback')
  other.close()
  // What was acknowledged was so after the lock was gone, or did not need it.
  for (const acknowledged of await Promise.all(writes)) {
    if (acknowledged !== null) expect(acknowledged).toBeGreaterThan(0)
  }
  for (const writer of await connectWriters(server.demo)) {
    await writer.put(`/demo/${writer.door}`, contentOf(writer.door, 2, 1_000))
    writer.close()
  }
  for (const writer of writers) writer.close()
  await server.cli('audit', 'verify')
})
