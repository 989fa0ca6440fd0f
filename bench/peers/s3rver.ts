import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '../../test/clients/run.ts'
import type { BenchContext, Subject } from '../bench.ts'
import type { S3Access } from '../clients/s3-signed.ts'
import { freePort, untilListening } from './sshd.ts'

const VERSION = '3.7.1'

/** `s3rver` on a folder, installed by npm for this run; null when npm cannot reach it. */
export async function startS3rver({ dir, missing }: BenchContext): Promise<(Subject & S3Access) | null> {
  const own = await mkdtemp(join(dir, 's3rver-'))
  const quietly = ['--no-audit', '--no-fund', '--no-save', '--loglevel', 'error', '--ignore-scripts']
  const options = { cwd: own, timeout: 180_000 }
  const installed = await run('npm', ['install', '--prefix', own, ...quietly, `s3rver@${VERSION}`], options)
  if (installed.code !== 0) {
    missing('s3rver', `npm cannot install it: ${installed.stderr.trim().split('\n').at(-1) ?? ''}`)
    return null
  }
  const files = join(own, 'files')
  await mkdir(files)
  const port = await freePort()
  const words = ['--directory', files, '--address', '127.0.0.1', '--port', `${port}`, '--silent']
  const program = join(own, 'node_modules/s3rver/bin/s3rver.js')
  const server = spawn(process.execPath, [program, ...words, '--configure-bucket', 'bench'], {
    stdio: 'ignore',
  })
  await untilListening(port)
  return {
    name: 's3rver',
    pids: [server.pid ?? 0],
    host: '127.0.0.1',
    port,
    accessKeyId: 'S3RVER',
    secretAccessKey: 'S3RVER',
    region: 'us-east-1',
    async [Symbol.asyncDispose]() {
      server.kill()
      if (server.exitCode === null) await once(server, 'exit')
    },
  }
}
