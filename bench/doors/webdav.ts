import { chmod, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { run } from '../../test/clients/run.ts'
import { type BenchContext, defineBench, type Subject, type Workload } from '../bench.ts'
import { putMany } from '../clients/http-puts.ts'
import { manyFiles, randomFile } from '../data.ts'
import { startLatchkey } from '../latchkey.ts'
import { startApache } from '../peers/apache.ts'
import { startRclone } from '../peers/rclone.ts'

type WebdavSubject = Subject & {
  readonly port: number
  readonly login: string
  readonly value: string
  /** Path of the working folder on the server, without a slash at its end, and the real one behind it. */
  readonly folder: string
  readonly root: string
  /** Local folder of the clients. */
  readonly local: string
  /** Files were changed behind its back. */
  readonly refresh?: () => Promise<void>
}

const MIB = 1024 ** 2
const LISTINGS = 5
/** Only uploads differ when they are synced. */
const DURABLE = 'latchkey durable'

async function curl(subject: WebdavSubject, path: string, ...args: readonly string[]): Promise<void> {
  const { login, value, port, folder } = subject
  const url = `http://127.0.0.1:${port}${folder}/${path}`
  const all = ['-sS', '--fail', '-u', `${login}:${value}`, '-o', '/dev/null', ...args, url]
  const { code, stderr } = await run('curl', all)
  if (code !== 0) throw new Error(`curl with ${subject.name} ended with ${code}: ${stderr}`)
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now()
  await work()
  return (performance.now() - from) / 1000
}

/** An empty folder that every server's user may write. */
async function emptyFolder(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true })
  await mkdir(path)
  await chmod(path, 0o777)
}

const get: Workload<WebdavSubject> = {
  name: 'get 1 GiB',
  unit: 'MiB/s',
  aims: { apache: 0.6, rclone: 1 },
  without: [DURABLE],
  async prepare({ root, refresh }, size) {
    await randomFile(join(root, 'big.bin'), size(1024) * MIB)
    await refresh?.()
  },
  run: async (subject, size) => size(1024) / (await timed(() => curl(subject, 'big.bin'))),
}

const put: Workload<WebdavSubject> = {
  name: 'put 1 GiB',
  unit: 'MiB/s',
  aims: { apache: 1, rclone: 1 },
  async prepare({ root, local, refresh }, size) {
    await emptyFolder(join(root, 'put'))
    await randomFile(join(local, 'big.bin'), size(1024) * MIB)
    await refresh?.()
  },
  async run(subject, size) {
    const file = join(subject.local, 'big.bin')
    return size(1024) / (await timed(() => curl(subject, 'put/big.bin', '-T', file)))
  },
}

const smallPuts: Workload<WebdavSubject> = {
  name: 'put 2,000 × 4 KiB, 8 at a time',
  unit: 'files/s',
  aims: { apache: 1, rclone: 1 },
  async prepare({ root, refresh }) {
    await emptyFolder(join(root, 'small'))
    await refresh?.()
  },
  async run(subject, size) {
    const work = { content: Buffer.alloc(4096, 'x'), count: size(2000), connections: 8 }
    const pathOf = (index: number) => `${subject.folder}/small/f${index}`
    return size(2000) / (await timed(() => putMany(subject, pathOf, work)))
  },
}

const listing: Workload<WebdavSubject> = {
  name: 'propfind of 10,000',
  unit: 'entries/s',
  aims: { apache: 1, rclone: 1 },
  without: [DURABLE],
  async prepare({ root, refresh }, size) {
    await manyFiles(join(root, 'many'), size(10_000), 0)
    await refresh?.()
  },
  async run(subject, size) {
    const args = ['-X', 'PROPFIND', '-H', 'Depth: 1']
    const seconds = await timed(async () => {
      for (let at = 0; at < LISTINGS; at++) await curl(subject, 'many/', ...args)
    })
    return (size(10_000) * LISTINGS) / seconds
  },
}

const smallGets: Workload<WebdavSubject> = {
  name: 'get 1 KiB with Basic, 16 at a time',
  unit: 'requests/s',
  aims: { apache: 1, rclone: 1 },
  without: [DURABLE],
  async prepare({ root, refresh }) {
    await writeFile(join(root, 'small.txt'), Buffer.alloc(1024, 'x'))
    await refresh?.()
  },
  async run({ port, login, value, folder }, size) {
    const url = `http://127.0.0.1:${port}${folder}/small.txt`
    const count = `${size(20_000)}`
    const { stdout } = await run('ab', ['-q', '-k', '-c', '16', '-n', count, '-A', `${login}:${value}`, url])
    if (!/Failed requests:\s+0/.test(stdout) || /Non-2xx/.test(stdout)) throw new Error(stdout)
    return Number(/Requests per second:\s+([\d.]+)/.exec(stdout)?.[1])
  },
}

async function latchkey(context: BenchContext, local: string, durable: boolean): Promise<WebdavSubject> {
  const server = await startLatchkey({ dir: context.dir, durable })
  const { login, value, webdav } = server.demo
  return { ...server, port: Number(new URL(webdav).port), login, value, local }
}

async function apache(context: BenchContext, local: string): Promise<WebdavSubject | null> {
  const server = await startApache(context)
  return server && { ...server, folder: '', local }
}

async function rclone(context: BenchContext, local: string): Promise<WebdavSubject | null> {
  const server = await startRclone('webdav', context)
  return server && { ...server, folder: '', local }
}

export const webdavBench = defineBench<WebdavSubject>({
  door: 'webdav',
  async start(context) {
    const local = join(context.dir, 'webdav-client')
    await mkdir(local, { recursive: true })
    // Apache works as a user of its own, which must get through to its folder.
    await chmod(context.dir, 0o755)
    const subjects = [
      await latchkey(context, local, false),
      await latchkey(context, local, true),
      await apache(context, local),
      await rclone(context, local),
    ]
    await delay(500)
    return subjects
  },
  workloads: [get, put, smallPuts, listing, smallGets],
})
