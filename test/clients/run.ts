import { type ChildProcess, spawn } from 'node:child_process'

export type Result = { readonly code: number | null; readonly stdout: string; readonly stderr: string }

export type RunOptions = {
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly input?: string
  /** Milliseconds after which the program is killed; default 120,000. */
  readonly timeout?: number
}

// A machine's own CA bundle setting makes rclone's S3 client refuse to start.
const { AWS_CA_BUNDLE: _, ...CLEAN_ENVIRONMENT } = process.env

/** A started program: `done` resolves when it ended, whatever its exit code. */
export type Running = { readonly child: ChildProcess; readonly done: Promise<Result> }

export function start(program: string, args: readonly string[], options: RunOptions = {}): Running {
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: { ...CLEAN_ENVIRONMENT, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: options.timeout ?? 120_000,
    killSignal: 'SIGKILL',
  })
  const out: Buffer[] = []
  const err: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
  // A program that ends before it read its input is no fault of the test.
  child.stdin.on('error', () => undefined)
  child.stdin.end(options.input ?? '')
  const done = new Promise<Result>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => {
      resolve({ code, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() })
    })
  })
  return { child, done }
}

/** Runs a program to its end. */
export function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Result> {
  return start(program, args, options).done
}

/** Runs a program that must succeed; what it printed otherwise. */
export async function succeed(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const { code, stdout, stderr } = await run(program, args, options)
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}\n${stdout}\n${stderr}`)
  return stdout
}
