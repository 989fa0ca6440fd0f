import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { startServer } from '../test/clients/server.ts'
import { type S3Access, signed } from './clients/s3-signed.ts'
import { type Usage, watchProcesses } from './processes.ts'

/*
 * Pages of 1,000 keys in buckets of many files: the time of a page after warm-up, and the memory of the server.
 * One bucket is a tree, the other a single folder. `--files=N` (default 1,000,000) in each, `--only=tree` or
 * `--only=flat` for one of them; the files are made in a temporary folder and removed.
 */

const FILES = Number(/--files=(\d+)/.exec(process.argv.join(' '))?.[1] ?? 1_000_000)
const ONLY = /--only=(tree|flat)/.exec(process.argv.join(' '))?.[1]
const PER_FOLDER = 1_000

function makeTree(root: string): void {
  for (let made = 0; made < FILES; made += PER_FOLDER) {
    const number = String(made / PER_FOLDER).padStart(5, '0')
    const folder = join(root, `part ${number.slice(0, 3)}`, number)
    mkdirSync(folder, { recursive: true })
    for (let index = 0; index < PER_FOLDER; index++) closeSync(openSync(join(folder, nameOf(index)), 'w'))
  }
}

function makeFlat(root: string): void {
  mkdirSync(root)
  for (let index = 0; index < FILES; index++) closeSync(openSync(join(root, nameOf(index)), 'w'))
}

function nameOf(index: number): string {
  return `object-${String(index).padStart(7, '0')}.dat`
}

const agent = new Agent({ keepAlive: true, maxSockets: 1 })

type Page = { readonly ms: number; readonly keys: number; readonly next: string | undefined }

function page(access: S3Access, bucket: string, query: Record<string, string>): Promise<Page> {
  const ask = { method: 'GET', path: `/${bucket}/`, query: { 'list-type': '2', ...query } }
  const { target, headers } = signed(access, ask)
  const asked = performance.now()
  return new Promise((resolve, reject) => {
    const { host, port } = access
    const sent = request({ agent, host, port, path: target, headers }, async (answer) => {
      let text = ''
      for await (const chunk of answer.setEncoding('utf8')) text += chunk
      const ms = performance.now() - asked
      if (answer.statusCode !== 200) return reject(new Error(text))
      const next = /<NextContinuationToken>(.*?)</.exec(text)?.[1]
      const keys = Number(/<KeyCount>(\d+)</.exec(text)?.[1])
      resolve({ ms, keys, next })
    })
    sent.on('error', reject)
    sent.end()
  })
}

function resident(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
}

/** Times in milliseconds; of the server's CPU too, which says more where others work on the same machine. */
function report(name: string, times: readonly number[], usage: Usage, pid: number): void {
  const sorted = times.toSorted((a, b) => a - b)
  const at = (share: number) =>
    (sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)] ?? 0).toFixed(1).padStart(8)
  const cpu = ((usage.cpuSeconds * 1000) / times.length).toFixed(1).padStart(6)
  const memory = resident(pid).toFixed(0).padStart(5)
  console.log(
    `${name.padEnd(32)} p50 ${at(0.5)}  p99 ${at(0.99)}  max ${at(1)} ms  CPU ${cpu} ms a page  RSS ${memory} MiB`,
  )
}

/** Asks for pages until `next` says that it is enough, and reports them. */
async function measure(
  name: string,
  pid: number,
  next: (before: Page | null) => Promise<Page | null>,
): Promise<number> {
  const watch = await watchProcesses([pid])
  const times: number[] = []
  let keys = 0
  for (let got = await next(null); got !== null; got = await next(got)) {
    times.push(got.ms)
    keys += got.keys
  }
  report(name, times, await watch.end(), pid)
  return keys
}

await using server = await startServer()
const { demo, files, pid } = server
const access: S3Access = {
  host: '127.0.0.1',
  port: Number(new URL(demo.s3).port),
  accessKeyId: demo.access_key_id,
  secretAccessKey: demo.secret_access_key,
  region: demo.region,
}
const places = [
  { name: 'tree', make: makeTree },
  { name: 'flat', make: makeFlat },
].filter(({ name }) => ONLY === undefined || name === ONLY)
for (const { name, make } of places) make(join(files, 'demo', name))
const made = places.map(({ name }) => name).join(' and as many in ')
console.log(`${FILES} files in ${made}; RSS ${resident(pid).toFixed(0)} MiB`)

/** From the first page to the last. */
function through(where: string): (before: Page | null) => Promise<Page | null> {
  return async (before) => {
    if (before !== null && before.next === undefined) return null
    const token = before?.next === undefined ? {} : { 'continuation-token': before.next }
    return page(access, 'demo', { prefix: where, ...token })
  }
}

/** `count` times the page that `query` asks for. */
function times(count: number, query: () => Record<string, string>): () => Promise<Page | null> {
  let left = count
  return async () => (left-- > 0 ? page(access, 'demo', query()) : null)
}

function anyPlace(): string {
  const number = String(Math.floor((Math.random() * FILES) / PER_FOLDER)).padStart(5, '0')
  return `tree/part ${number.slice(0, 3)}/${number}/${nameOf(Math.floor(Math.random() * PER_FOLDER))}`
}

async function measurePlace(where: string): Promise<void> {
  await measure(
    `${where} first page`,
    pid,
    times(1, () => ({ prefix: where })),
  )
  for (const round of ['first', 'second']) {
    const keys = await measure(`${where} ${round} round`, pid, through(where))
    if (keys !== FILES) throw new Error(`${keys} keys were listed`)
  }
}

for (const { name } of places) await measurePlace(`${name}/`)
if (ONLY !== 'flat') {
  await measure(
    'tree/ from any place',
    pid,
    times(200, () => ({ 'start-after': anyPlace() })),
  )
  await measure(
    'tree/ delimiter "."',
    pid,
    times(50, () => ({ prefix: 'tree/', delimiter: '.' })),
  )
}
if (ONLY !== 'tree') {
  await measure(
    'flat/ delimiter "-"',
    pid,
    times(20, () => ({ prefix: 'flat/', delimiter: '-' })),
  )
}
agent.destroy()
