import { readdir, readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { program } from '../clients/programs.ts'
import { type Server, startServer } from '../clients/server.ts'
import { faultRounds } from './rounds.ts'
import { filesBelow, residentMemory } from './traces.ts'
import { transfersOf } from './transfers.ts'
import { contentOf, versionIn } from './versions.ts'

const MEGABYTE = 1024 * 1024
const BIG = 64 * MEGABYTE
/** Megabytes that all buffers of slow transfers together may take. */
const ROOM = 150
const SLOW_TRANSFERS = 10

async function descriptors({ pid }: Server): Promise<number> {
  return (await readdir(`/proc/${pid}/fd`)).length
}

const stagedFiles = ({ files }: Server) => filesBelow(join(files, '.latchkey/staging'))

/** A server with a big file, and the same file to send. */
async function startWithFile(): Promise<{ server: Server; file: string }> {
  const server = await startServer()
  const file = join(server.dir, 'big')
  await writeFile(file, '')
  await truncate(file, BIG)
  await writeFile(join(server.files, 'demo/big'), await readFile(file))
  return { server, file }
}

test('clients that are killed in mid-transfer leave no descriptor, nothing staged and the old file', async () => {
  if (!program('curl')) return
  const { server, file } = await startWithFile()
  await using _ = server
  const transfers = transfersOf(server.demo)
  for (const { door } of transfers) {
    await writeFile(join(server.files, 'demo', door), contentOf(door, 1, 10_000))
  }
  let before = 0
  for (let round = 0; round <= faultRounds(2); round++) {
    // The first round opens what stays open: folders, the connection to the database.
    if (round === 1) before = await descriptors(server)
    const running = transfers.flatMap(({ door, upload, download }) => [
      upload(file, door, '8M'),
      download('big', '8M'),
    ])
    await sleep(1_000)
    for (const { child } of running) child.kill('SIGKILL')
    for (const { done } of running) expect((await done).code).toBeNull()
    await expect.poll(() => stagedFiles(server), { timeout: 20_000 }).toEqual([])
  }
  await expect.poll(() => descriptors(server), { timeout: 20_000 }).toBeLessThanOrEqual(before)
  for (const { door } of transfers) {
    const bytes = await readFile(join(server.files, 'demo', door))
    expect(versionIn(door, bytes), door).toBe(1)
  }
  await server.cli('audit', 'verify')
})

test('slow readers and writers cost a bounded memory, and others are served meanwhile', async () => {
  if (!program('curl')) return
  const { server, file } = await startWithFile()
  await using _ = server
  const transfers = transfersOf(server.demo)
  for (const { download } of transfers) await download('big', '1G').done
  const before = await residentMemory(server)
  const slow = transfers.flatMap(({ door, upload, download }) =>
    Array.from({ length: SLOW_TRANSFERS }, (_, at) => [
      upload(file, `${door}-${at}`, '20k'),
      download('big', '20k'),
    ]).flat(),
  )
  await sleep(5_000)
  for (const { door, download } of transfers) {
    const { code, stderr } = await download('big', '1G').done
    expect([door, code, stderr]).toEqual([door, 0, ''])
  }
  const after = await residentMemory(server)
  for (const { child } of slow) child.kill('SIGKILL')
  await Promise.all(slow.map(({ done }) => done))
  console.log(`${slow.length} slow transfers: ${before.toFixed(0)}, then ${after.toFixed(0)} MiB`)
  expect(after - before).toBeLessThan(ROOM)
  await expect.poll(() => stagedFiles(server), { timeout: 20_000 }).toEqual([])
})
