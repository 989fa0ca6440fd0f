import { mkdir, mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { type DemoFile, type Server, startServer } from '../test/clients/server.ts'
import type { Subject } from './bench.ts'

/** A Latchkey server of its own, whose demo key may do everything below two folders. */
export type Latchkey = Subject & {
  readonly server: Server
  readonly demo: DemoFile
  /** Virtual path of the folder for the work; its name is the S3 bucket. */
  readonly folder: string
  /** Real folder behind it. */
  readonly root: string
}

export type LatchkeyOptions = {
  readonly dir: string
  /** Sync before acknowledging; default false, as peers do. The name is then `latchkey durable`. */
  readonly durable?: boolean
  /** Further lines of the configuration file. */
  readonly config?: string
}

/** Processes that serve, from `--workers` of the bench. */
let workers = 1

export function setWorkers(count: number): void {
  workers = count
}

/** Starts one on free ports. Overwritten and deleted files are not kept: no peer keeps them. */
export async function startLatchkey({ dir, durable = false, config }: LatchkeyOptions): Promise<Latchkey> {
  const own = await mkdtemp(join(dir, 'latchkey-'))
  const server = await startServer({ dir: own, workers, ...(config === undefined ? {} : { config }) })
  const root = join(own, 'bench')
  await mkdir(root)
  const flags = durable ? [] : ['--not-durable']
  await server.cli('mount', 'add', '--path', '/bench', '--folder', root, '--trash-days', '0', ...flags)
  await server.cli('grant', 'add', '--user', 'demo', '--path', '/bench', '--rights', 'full')
  return {
    name: durable ? 'latchkey durable' : 'latchkey',
    server,
    demo: server.demo,
    folder: '/bench',
    root,
    pids: [server.pid],
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}
