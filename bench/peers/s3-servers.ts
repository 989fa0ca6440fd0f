import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '../../test/clients/run.ts'
import type { BenchContext, Subject } from '../bench.ts'
import type { S3Access } from '../clients/s3-signed.ts'
import { freePort, untilListening } from './sshd.ts'

const KEY = { accessKeyId: 'LATCHKEYBENCH0000001', secretAccessKey: 'a-secret-of-the-bench-alone-00000001' }

type Program = {
  readonly name: string
  words(folder: string, address: string): readonly string[]
  readonly env: Readonly<Record<string, string>>
}

const PROGRAMS: readonly Program[] = [
  {
    name: 'minio',
    words: (folder, address) => ['server', folder, '--address', address, '--quiet'],
    env: { MINIO_ROOT_USER: KEY.accessKeyId, MINIO_ROOT_PASSWORD: KEY.secretAccessKey },
  },
  {
    name: 'versitygw',
    words: (folder, address) => ['--port', address, 'posix', folder],
    env: { ROOT_ACCESS_KEY: KEY.accessKeyId, ROOT_SECRET_KEY: KEY.secretAccessKey },
  },
]

/** Those S3 servers on a folder that are in PATH. */
export async function otherS3Servers(context: BenchContext): Promise<(Subject & S3Access)[]> {
  const started: (Subject & S3Access)[] = []
  for (const program of PROGRAMS) {
    const found = await run('sh', ['-c', `command -v ${program.name}`])
    if (found.code === 0) started.push(await startOne(context, program))
    else context.missing(program.name, 'is not in PATH')
  }
  return started
}

async function startOne({ dir }: BenchContext, { name, words, env }: Program): Promise<Subject & S3Access> {
  const own = await mkdtemp(join(dir, `${name}-`))
  await mkdir(join(own, 'files'))
  const port = await freePort()
  const server = spawn(name, words(join(own, 'files'), `127.0.0.1:${port}`), {
    env: { ...process.env, HOME: own, ...env },
    stdio: 'ignore',
  })
  await untilListening(port)
  return {
    name,
    pids: [server.pid ?? 0],
    host: '127.0.0.1',
    port,
    ...KEY,
    region: 'us-east-1',
    async [Symbol.asyncDispose]() {
      server.kill()
      if (server.exitCode === null) await once(server, 'exit')
    },
  }
}
