import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { run } from '../../test/clients/run.ts'
import type { BenchContext, Subject } from '../bench.ts'

const SSHD = '/usr/sbin/sshd'
const SFTP_SERVER = '/usr/lib/openssh/sftp-server'
/** Where Debian's sshd drops its rights; it does not start without it. */
const PRIVILEGE_SEPARATION = '/run/sshd'

export type Sshd = Subject & {
  readonly port: number
  readonly login: string
  /** Private key that opens it. */
  readonly keyFile: string
  /** Real folder for the work, which is also its path there. */
  readonly root: string
}

/** Debian's OpenSSH server with a configuration of its own; null when it is not installed. */
export async function startSshd({ dir, missing }: BenchContext): Promise<Sshd | null> {
  const installed = await Promise.all([SSHD, SFTP_SERVER].map(exists))
  if (installed.includes(false) || process.getuid?.() !== 0) {
    missing('sshd', 'needs openssh-server and root')
    return null
  }
  await mkdir(PRIVILEGE_SEPARATION, { recursive: true, mode: 0o755 })
  const own = await mkdtemp(join(dir, 'sshd-'))
  const root = join(own, 'files')
  await mkdir(root)
  const hostKey = join(own, 'host')
  const keyFile = join(own, 'client')
  for (const file of [hostKey, keyFile])
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file])
  const port = await freePort()
  const config = join(own, 'sshd_config')
  await writeFile(config, configuration(port, hostKey, `${keyFile}.pub`))
  const server = spawn(SSHD, ['-D', '-e', '-f', config], { stdio: 'ignore' })
  await untilListening(port)
  return {
    name: 'sshd',
    pids: [server.pid ?? 0],
    port,
    login: userInfo().username,
    keyFile,
    root,
    async [Symbol.asyncDispose]() {
      server.kill()
      if (server.exitCode === null && server.signalCode === null) await once(server, 'exit')
    },
  }
}

function configuration(port: number, hostKey: string, authorized: string): string {
  return [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${hostKey}`,
    `AuthorizedKeysFile ${authorized}`,
    'StrictModes no',
    'UsePAM no',
    'PidFile none',
    'PermitRootLogin yes',
    'LogLevel ERROR',
    // All of a run comes from one address, hundreds of connections at a time.
    'MaxStartups 1000:1:2000',
    // bash started by sshd reads the operator's ~/.bashrc unless another shell is above it: a login would cost that.
    'SetEnv SHLVL=1',
    `Subsystem sftp ${SFTP_SERVER}`,
    '',
  ].join('\n')
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

/** A port that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** Resolves when somebody listens; rejects after ten seconds. */
export async function untilListening(port: number): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (await accepts(port)) return
    await delay(50)
  }
  throw new Error(`nobody listens on port ${port}`)
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}
