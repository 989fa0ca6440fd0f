import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { obscure } from '#server/client-lines.ts'
import { startWorld, type World, type WorldKey } from '#test/world.ts'
import { type Result, run, succeed } from './run.ts'
import { difference } from './trees.ts'

export const SSH = [
  '-oStrictHostKeyChecking=no',
  '-oUserKnownHostsFile=/dev/null',
  '-oNumberOfPasswordPrompts=1',
]

/** A world with an SFTP door, and the programs that go through it. */
export type SftpDoor = AsyncDisposable & {
  readonly world: World
  readonly key: WorldKey
  readonly port: number
  /** Local folder of the clients. */
  readonly local: string
  /** Real path of a virtual one. */
  remote(path: string): string
  /** OpenSSH's sftp with these commands; `port`: another way to the door. */
  sftp(commands: string, options?: Way & { readonly more?: readonly string[] }): Promise<Result>
  lftp(commands: string, options?: Way & { readonly retries?: number }): Promise<Result>
  /** The remote is `door:`. */
  rclone(args: readonly string[], options?: Way): Promise<Result>
  psftp(commands: string, options?: Way): Promise<Result>
  curl(args: readonly string[]): Promise<Result>
  /** A program in Python with `sftp`, a paramiko client, and `ROOT`, `LOCAL`, `PORT` in its environment. */
  paramiko(program: string, options?: Way): Promise<Result>
}

type Way = { readonly port?: number; readonly by?: Pick<WorldKey, 'login' | 'value'> }

export async function startSftp(): Promise<SftpDoor> {
  const world = await startWorld()
  const key = await world.issue()
  const { port } = await world.start('sftp')
  const local = await mkdtemp(join(tmpdir(), 'latchkey-sftp-'))
  const way = (options: Way = {}) => ({ to: options.port ?? port, ...(options.by ?? key) })
  return {
    world,
    key,
    port,
    local,
    remote: (path) => join(world.root, path),
    sftp(commands, options = {}) {
      const { to, login, value } = way(options)
      // `BatchMode=no`: `-b` would forbid the password.
      const batch = ['-oBatchMode=no', '-P', `${to}`, '-b', '-', `${login}@127.0.0.1`]
      const args = ['-e', 'sftp', ...SSH, ...(options.more ?? []), ...batch]
      return run('sshpass', args, { env: { SSHPASS: value }, input: `${commands}\n` })
    },
    lftp(commands, options = {}) {
      const { to, login, value } = way(options)
      const ssh = `set sftp:connect-program "ssh -a -x ${SSH.join(' ')}"; set sftp:auto-confirm yes`
      const settings = `${ssh}; set net:max-retries ${options.retries ?? 2}; set net:reconnect-interval-base 1; set cmd:fail-exit yes`
      const args = ['-u', `${login},${value}`, '-p', `${to}`, '-e', `${settings}; ${commands}; bye`]
      return run('lftp', [...args, 'sftp://127.0.0.1'])
    },
    async rclone(args, options) {
      const { to, login, value } = way(options)
      const config = join(local, `rclone-${to}.conf`)
      const lines = ['[door]', 'type = sftp', 'host = 127.0.0.1', `port = ${to}`, `user = ${login}`]
      await writeFile(config, [...lines, `pass = ${obscure(value)}`, 'shell_type = none', ''].join('\n'))
      return run('rclone', ['--config', config, ...args])
    },
    async psftp(commands, options) {
      const { to, login, value } = way(options)
      const commandFile = join(local, 'psftp-commands')
      await writeFile(commandFile, `${commands}\n`)
      const trust = ['-hostkey', await hostKeyOf(port)]
      const args = ['-P', `${to}`, '-l', login, '-pw', value, ...trust, '-b', commandFile, '-batch']
      return run('psftp', [...args, '127.0.0.1'], { env: { HOME: local } })
    },
    curl: (args) => run('curl', ['-sSk', '-u', `${key.login}:${key.value}`, ...args]),
    paramiko(program, options) {
      const { to, login, value } = way(options)
      const env = { ROOT: world.root, LOCAL: local, PORT: `${to}`, LOGIN: login, VALUE: value }
      return run('/usr/bin/python3', ['-c', PARAMIKO + program], { env })
    },
    async [Symbol.asyncDispose]() {
      await world[Symbol.asyncDispose]()
      await rm(local, { recursive: true, force: true })
    },
  }
}

const PARAMIKO = `
import io, os, paramiko
transport = paramiko.Transport(('127.0.0.1', int(os.environ['PORT'])))
transport.connect(username=os.environ['LOGIN'], password=os.environ['VALUE'])
sftp = paramiko.SFTPClient.from_transport(transport)
root, local = os.environ['ROOT'], os.environ['LOCAL']
`

/** As programs that know no host key want it: `SHA256:…`. */
async function hostKeyOf(port: number): Promise<string> {
  const scanned = await succeed('ssh-keyscan', ['-p', `${port}`, '-t', 'ed25519', '127.0.0.1'])
  const shown = await succeed('ssh-keygen', ['-lf', '-'], { input: scanned })
  return /SHA256:\S+/.exec(shown)?.[0] ?? ''
}

/** What a program that must succeed printed. */
export async function ok(result: Promise<Result>): Promise<string> {
  const { code, stdout, stderr } = await result
  expect(code, stdout + stderr).toBe(0)
  return stdout + stderr
}

export async function same(a: string, b: string): Promise<void> {
  expect(await difference(a, b)).toBe('')
}

/** A way to a port that can break down. */
export type Cable = AsyncDisposable & {
  readonly port: number
  /** What goes to the server is cut after so many bytes. With `mends`, new connections pass again. */
  cutAfter(bytes: number, mends?: boolean): void
}

export async function startCable(to: number): Promise<Cable> {
  let left = Number.POSITIVE_INFINITY
  let mending = false
  let broken = false
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    if (broken) return void client.destroy()
    const door = connect(to, '127.0.0.1')
    const ends = [client, door]
    const cut = () => {
      for (const end of ends) end.destroy()
    }
    for (const end of ends) {
      sockets.add(end)
      end.on('error', cut)
      end.on('close', () => {
        sockets.delete(end)
        cut()
      })
    }
    client.on('data', (chunk: Buffer) => {
      left -= chunk.length
      if (left > 0) return
      left = Number.POSITIVE_INFINITY
      broken = !mending
      cut()
    })
    client.pipe(door).pipe(client)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    cutAfter(bytes, mends = false) {
      left = bytes
      mending = mends
      broken = false
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
