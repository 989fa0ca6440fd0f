import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '../../test/clients/run.ts'
import type { BenchContext, Subject } from '../bench.ts'
import { freePort, untilListening } from './sshd.ts'

export type Rclone = Subject & {
  readonly port: number
  readonly login: string
  readonly value: string
  /** Real folder that it serves as `/`. */
  readonly root: string
  /** Makes it forget the folders that it remembers for five minutes; SIGHUP ends Debian's 1.60. */
  readonly refresh: () => Promise<void>
}

/** `rclone serve` on a folder; null when rclone is not installed. */
export async function startRclone(
  protocol: 'sftp' | 'webdav',
  { dir, missing }: BenchContext,
): Promise<Rclone | null> {
  const installed = await run('rclone', ['version']).then(
    ({ code }) => code === 0,
    () => false,
  )
  if (!installed) {
    missing(`rclone serve ${protocol}`, 'rclone is not installed')
    return null
  }
  const own = await mkdtemp(join(dir, 'rclone-'))
  const root = join(own, 'files')
  await mkdir(root)
  const port = await freePort()
  const control = `127.0.0.1:${await freePort()}`
  const login = 'bench'
  const value = 'bench-value-of-ordinary-length'
  const options = [
    ...['--addr', `127.0.0.1:${port}`, '--user', login, '--pass', value, '--cache-dir', own],
    ...['--rc', '--rc-no-auth', '--rc-addr', control],
  ]
  const server = spawn('rclone', ['serve', protocol, root, ...options, '--config', '/dev/null'], {
    stdio: 'ignore',
  })
  await untilListening(port)
  return {
    name: 'rclone',
    pids: [server.pid ?? 0],
    port,
    login,
    value,
    root,
    async refresh() {
      const { ok, status } = await fetch(`http://${control}/vfs/forget`, { method: 'POST' })
      if (!ok) throw new Error(`rclone answered ${status} to vfs/forget`)
    },
    async [Symbol.asyncDispose]() {
      server.kill()
      if (server.exitCode === null && server.signalCode === null) await once(server, 'exit')
    },
  }
}
