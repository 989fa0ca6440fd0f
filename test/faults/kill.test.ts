import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import Database from 'better-sqlite3'
import { expect, test } from 'vitest'
import { type Server, startServer } from '../clients/server.ts'
import { type Random, seededRandom } from '../seeded.ts'
import { faultRounds } from './rounds.ts'
import { contentOf, versionIn } from './versions.ts'
import { connectWriters, type Writer } from './writers.ts'

const FILES_PER_WRITER = 4
const SIZES = [64, 1_000, 65_536, 300_000, 3_000_000]

/** What one file may be after a crash. `acked`: the last version or removal that the server acknowledged. */
type Expected = { acked: number | 'absent'; asked: Set<number | 'absent'> }

type Journal = Map<string, Expected>

/** Writes and removes files of its own without pause until the server is gone. */
async function load(writer: Writer, journal: Journal, next: () => number, random: Random): Promise<number> {
  let acknowledged = 0
  for (;;) {
    const name = `${writer.door}-${random.between(1, FILES_PER_WRITER)}`
    const known = journal.get(name) ?? { acked: 'absent', asked: new Set() }
    journal.set(name, known)
    const wish = known.acked !== 'absent' && random.next() < 0.2 ? 'absent' : next()
    known.asked.add(wish)
    try {
      if (wish === 'absent') await writer.remove(`/demo/${name}`)
      else await writer.put(`/demo/${name}`, contentOf(name, wish, random.pick(SIZES)))
    } catch {
      return acknowledged
    }
    known.acked = wish
    known.asked.clear()
    acknowledged += 1
  }
}

async function found(files: string, name: string): Promise<number | 'absent' | 'broken'> {
  const bytes = await readFile(join(files, 'demo', name)).catch(() => null)
  return bytes === null ? 'absent' : (versionIn(name, bytes) ?? 'broken')
}

/** Nothing may be there that is not whole, and nothing acknowledged may be missing. */
async function check(server: Server, journal: Journal): Promise<void> {
  for (const [name, known] of journal) {
    const now = await found(server.files, name)
    const allowed = [known.acked, ...known.asked]
    expect(allowed, `${name} after the crash`).toContain(now)
    if (now === 'broken') throw new Error(`${name} is broken`)
    known.acked = now
    known.asked.clear()
  }
  const names = await readdir(join(server.files, 'demo'))
  expect(names.filter((name) => /^(webdav|s3|sftp|ftp)-/.test(name) && !journal.has(name))).toEqual([])
  expect(await othersStaging(server)).toEqual([])
  await server.cli('audit', 'verify')
  const database = new Database(join(server.data, 'latchkey.db'), { readonly: true })
  expect(database.pragma('integrity_check', { simple: true })).toBe('ok')
  database.close()
}

/** Staging folders of processes that are gone. */
async function othersStaging(server: Server): Promise<string[]> {
  const folders = await readdir(join(server.files, '.latchkey/staging')).catch(() => [])
  const living = [server.pid, ...(await server.workers())]
  return folders.filter((name) => !living.some((pid) => name.startsWith(`${pid}.`)))
}

test('F2: kill -9 at random instants of mixed load loses nothing acknowledged and leaves nothing partial', async () => {
  const random = seededRandom()
  const dir = await mkdtemp(join(tmpdir(), 'latchkey-kill-'))
  const journal: Journal = new Map()
  let version = 0
  let acknowledged = 0
  try {
    for (let round = 0; round < faultRounds(5); round++) {
      const server = await startServer({ dir })
      await check(server, journal)
      const writers = await connectWriters(server.demo)
      const loads = writers.map((writer) => load(writer, journal, () => ++version, random))
      await sleep(random.between(50, 1_500))
      await server.stop('SIGKILL')
      for (const count of await Promise.all(loads)) acknowledged += count
      for (const writer of writers) writer.close()
    }
    await using last = await startServer({ dir })
    await check(last, journal)
    console.log(`${acknowledged} writes acknowledged before ${faultRounds(5)} kills`)
    expect(acknowledged).toBeGreaterThan(0)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
})
