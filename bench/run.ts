import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Bench, BenchOptions } from './bench.ts'
import { setWorkers } from './latchkey.ts'
import type { Row } from './rounds.ts'
import { machine, table } from './table.ts'

const QUICK = 16

// Loaded one by one: a door's clients are not needed to measure another.
const BENCHES: readonly (() => Promise<Bench>)[] = [
  async () => (await import('./doors/core.ts')).coreBench,
  async () => (await import('./doors/ftp.ts')).ftpBench,
  async () => (await import('./doors/s3.ts')).s3Bench,
  async () => (await import('./doors/sftp.ts')).sftpBench,
  async () => (await import('./doors/webdav.ts')).webdavBench,
]

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    rounds: { type: 'string', default: '3' },
    quick: { type: 'boolean', default: false },
    part: { type: 'string' },
    json: { type: 'string' },
    workers: { type: 'string', default: '1' },
    'warm-up': { type: 'string' },
  },
})

/** How many times less work than the titles say. */
const part = Number(values.part ?? (values.quick ? QUICK : 1))
/** Seconds of each workload, and of each server, that are not measured. */
const warmUp = Number(values['warm-up'] ?? (values.quick ? 0 : 10))

async function main(): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'latchkey-bench-'))
  setWorkers(Number(values.workers))
  // Timers of servers in this process do not keep it alive.
  const alive = setInterval(() => undefined, 1_000)
  const options: BenchOptions = {
    dir,
    rounds: Number(values.rounds),
    warmUpMs: warmUp * 1_000,
    size: (amount) => Math.max(1, Math.round(amount / part)),
    wanted: (title) => values.only?.some((text) => title.startsWith(text)) ?? true,
    missing: (peer, why) => process.stderr.write(`LEFT OUT: ${peer}: ${why}\n`),
  }
  const rows: Row[] = []
  try {
    for (const load of BENCHES) rows.push(...(await (await load()).run(options)))
  } finally {
    clearInterval(alive)
    await rm(dir, { recursive: true, force: true })
  }
  process.stdout.write(`${machine()}\n\n${table(rows)}\n`)
  if (values.json !== undefined) {
    const run = { machine: machine(), part, warmUp, workers: Number(values.workers), rows }
    await writeFile(values.json, `${JSON.stringify(run, null, 2)}\n`)
  }
}

await main()
