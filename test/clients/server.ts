import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
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
  /** Runs the command line on its data, `--json` added. */
  cli<Answer>(...args: string[]): Promise<Answer>
  /** Sends a signal and resolves with the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

const LATCHKEY = join(PROJECT, 'bin/latchkey.js')

/** The command line in a process of its own. */
export function latchkey(args: readonly string[]): Promise<Result> {
  return run(process.execPath, [LATCHKEY, ...args])
}

export type ServerOptions = {
  readonly dir?: string
  readonly config?: string
  readonly args?: readonly string[]
}

export async function startServer(options: ServerOptions = {}): Promise<Server> {
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 'latchkey-server-')))
  const data = join(dir, 'data')
  const args = ['--demo', '--free-ports', '--data', data, ...(options.args ?? [])]
  if (options.config !== undefined) {
    await writeFile(join(dir, 'latchkey.yaml'), options.config)
    args.push('--config', join(dir, 'latchkey.yaml'))
  }
  const child = spawn(process.execPath, [join(PROJECT, 'src/main.ts'), 'serve', ...args], {
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
    async cli(...words) {
      const text = await succeed(process.execPath, [LATCHKEY, ...words, '--data', data, '--json'])
      return text.trim() === '' ? null : JSON.parse(text)
    },
    stop,
    async [Symbol.asyncDispose]() {
      await stop('SIGKILL')
      await rm(dir, { recursive: true, force: true })
    },
  }
}
