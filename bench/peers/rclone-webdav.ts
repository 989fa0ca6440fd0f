import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '../../test/clients/run.ts'
import type { BenchContext } from '../bench.ts'
import type { HttpPeer } from './apache.ts'
import { freePort, untilListening } from './sshd.ts'

export type RcloneWebdav = HttpPeer & {
  /** Makes it forget the folders that it remembers for five minutes. */
  refresh(): Promise<void>
}

/** `rclone serve webdav` on a folder; null when rclone is not installed. */
export async function startRcloneWebdav({ dir, missing }: BenchContext): Promise<RcloneWebdav | null> {
  const installed = await run('rclone', ['version']).then(
    ({ code }) => code === 0,
    () => false,
  )
  if (!installed) {
    missing('rclone serve webdav', 'rclone is not installed')
    return null
  }
  const own = await mkdtemp(join(dir, 'rclone-'))
  const root = join(own, 'files')
  await mkdir(root)
  const port = await freePort()
  const login = 'bench'
  const value = 'bench-value-of-ordinary-length'
  const control = `127.0.0.1:${await freePort()}`
  const options = [
    ...['--addr', `127.0.0.1:${port}`, '--user', login, '--pass', value, '--cache-dir', own],
    ...['--rc', '--rc-no-auth', '--rc-addr', control],
  ]
  const server = spawn('rclone', ['serve', 'webdav', root, ...options, '--config', '/dev/null'], {
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
    // A hang-up, which does the same for mounts, ends `serve` of 1.60.
    async refresh() {
      const { ok, status } = await fetch(`http://${control}/vfs/forget`, { method: 'POST' })
      if (!ok) throw new Error(`rclone answered ${status} to vfs/forget`)
    },
    async [Symbol.asyncDispose]() {
      server.kill()
      if (server.exitCode === null) await once(server, 'exit')
    },
  }
}
