import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { PROJECT } from '../imports.ts'
import { type Result, run, succeed } from './run.ts'

export type DemoFile = {
  readonly webdav: string
  readonly s3: string
  readonly rest: string
  readonly sftp: string
  readonly ftp: string
  readonly login: string
  readonly value: string
  readonly access_key_id: string
  readonly secret_access_key: string
  readonly site_key: string
  readonly region: string
}

/** A real server process with its demo key, on free ports and a temporary folder. */
export type Server = AsyncDisposable & {
  readonly dir: string
  readonly data: string
  /** Real folder of the first site's files. */
  readonly files: string
  readonly demo: DemoFile
  /** All that it printed on standard output before `ready`. */
  readonly printed: string
  readonly pid: number
  /** The last of what it logged. */
  logged(): string
  /** Process ids of its workers; none when it serves by itself. */
  workers(): Promise<readonly number[]>
  /** Runs the command line on its data, `--json` added. */
  cli<Answer>(...args: string[]): Promise<Answer>
  /** Sends a signal and resolves with the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

const LATCHKEY = join(PROJECT, 'bin/latchkey.js')
/** What `npm start` gives to node. */
const START = await startWords()

/** The command line in a process of its own. */
export function latchkey(args: readonly string[]): Promise<Result> {
  return run(process.execPath, [LATCHKEY, ...args])
}

async function startWords(): Promise<string[]> {
  const { scripts } = JSON.parse(await readFile(join(PROJECT, 'package.json'), 'utf8'))
  return scripts.start.split(' ').slice(1)
}

export type ServerOptions = {
  readonly dir?: string
  readonly config?: string
  readonly args?: readonly string[]
  /** Processes that serve; default LATCHKEY_TEST_WORKERS, else what the configuration says. */
  readonly workers?: number
}

const WORKERS = Number(process.env.LATCHKEY_TEST_WORKERS ?? 0)

export async function startServer(options: ServerOptions = {}): Promise<Server> {
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 'latchkey-server-')))
  const data = join(dir, 'data')
  const args = ['--demo', '--free-ports', '--data', data, ...(options.args ?? [])]
  const workers = options.workers ?? WORKERS
  const config = `${workers === 0 ? '' : `workers: ${workers}\n`}${options.config ?? ''}`
  if (config !== '') {
    await writeFile(join(dir, 'latchkey.yaml'), config)
    args.push('--config', join(dir, 'latchkey.yaml'))
  }
  const child = spawn(process.execPath, [...START, ...args], {
    cwd: PROJECT,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const errors: string[] = []
  child.stderr.on('data', (chunk: Buffer) => {
    errors.push(chunk.toString())
    if (errors.length > 1_000) errors.shift()
  })
  const ended = new Promise<number | null>((resolve) => child.on('exit', (code) => resolve(code)))
  const lines: string[] = []
  let ready = false
  for await (const line of createInterface({ input: child.stdout })) {
    ready = line === 'ready'
    if (ready) break
    lines.push(line)
  }
  if (!ready || child.pid === undefined) {
    await ended
    throw new Error(`the server did not start\n${lines.join('\n')}\n${errors.join('')}`)
  }
  child.stdout.resume()
  const demo: DemoFile = JSON.parse(await readFile(join(data, 'demo.json'), 'utf8'))
  const pid = child.pid

  async function stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    child.kill(signal)
    return ended
  }

  return {
    dir,
    data,
    files: join(data, 'files/main'),
    demo,
    printed: lines.join('\n'),
    pid,
    logged: () => errors.join(''),
    workers: () => childrenOf(pid),
    async cli(...words) {
      const text = await succeed(process.execPath, [LATCHKEY, ...words, '--data', data, '--json'])
      return text.trim() === '' ? null : JSON.parse(text)
    },
    stop,
    async [Symbol.asyncDispose]() {
      const others = await childrenOf(pid)
      await stop('SIGKILL')
      // They end by themselves, a moment later.
      while (others.some((one) => existsSync(`/proc/${one}`))) await delay(10)
      await rm(dir, { recursive: true, force: true })
    },
  }
}

async function childrenOf(pid: number): Promise<readonly number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')
  return text.split(' ').filter(Boolean).map(Number)
}
