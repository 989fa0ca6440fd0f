import { spawn } from 'node:child_process'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { run } from '../../test/clients/run.ts'
import { type BenchContext, defineBench, type Subject, type Workload } from '../bench.ts'
import { manyFiles, randomFile } from '../data.ts'
import { startLatchkey } from '../latchkey.ts'
import { startRclone } from '../peers/rclone.ts'
import { startSshd } from '../peers/sshd.ts'
import { watchProcesses } from '../processes.ts'

type SftpSubject = Subject & {
  readonly port: number
  readonly login: string
  /** A password, or the file of a private key: both are one step, and cost little beside the key exchange. */
  readonly proof: { readonly password: string } | { readonly keyFile: string }
  /** Path of the working folder on the server, and the real one behind it. */
  readonly folder: string
  readonly root: string
  /** Local folder of the clients. */
  readonly local: string
  /** Files were changed behind its back. */
  readonly refresh?: () => Promise<void>
}

const MIB = 1024 ** 2
const GCM = 'aes128-gcm@openssh.com'
const CHACHA = 'chacha20-poly1305@openssh.com'
const LISTINGS = 5

/** OpenSSH's sftp as the client of transfers; the server's host key is new each time. */
async function sftp(subject: SftpSubject, commands: readonly string[], cipher = GCM): Promise<void> {
  const { proof, port, login } = subject
  const key = 'keyFile' in proof ? ['-i', proof.keyFile] : ['-oNumberOfPasswordPrompts=1', '-oBatchMode=no']
  const known = ['-oStrictHostKeyChecking=no', '-oUserKnownHostsFile=/dev/null', '-oLogLevel=ERROR']
  const args = ['-F', 'none', '-q', ...key, ...known, '-c', cipher, '-P', `${port}`, '-b', '-']
  const words = ['-e', 'sftp', ...args, `${login}@127.0.0.1`]
  const env = 'password' in proof ? { SSHPASS: proof.password } : { SSHPASS: '' }
  const { code, stderr } = await run('sshpass', words, { env, input: `${commands.join('\n')}\n` })
  if (code !== 0) throw new Error(`sftp with ${subject.name} ended with ${code}: ${stderr}`)
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now()
  await work()
  return (performance.now() - from) / 1000
}

async function emptied(path: string): Promise<string> {
  await rm(path, { recursive: true, force: true })
  return path
}

/** One file there and back. `aim`: against sshd. */
function transfer(way: 'get' | 'put', cipher: string, label: string, aim: number): Workload<SftpSubject> {
  return {
    name: `${way} 1 GiB, ${label}`,
    unit: 'MiB/s',
    aims: { sshd: aim, rclone: 1 },
    async prepare({ root, local, refresh }, size) {
      await emptied(join(local, 'back.bin'))
      await emptied(join(root, 'put.bin'))
      await randomFile(join(way === 'get' ? root : local, 'big.bin'), size(1024) * MIB)
      await refresh?.()
    },
    async run(subject, size) {
      const { folder, local } = subject
      const command =
        way === 'get' ? `get ${folder}/big.bin ${local}/back.bin` : `put ${local}/big.bin ${folder}/put.bin`
      return size(1024) / (await timed(() => sftp(subject, [command], cipher)))
    },
  }
}

function smallFiles(way: 'get' | 'put'): Workload<SftpSubject> {
  return {
    name: `${way} 2,000 × 4 KiB`,
    unit: 'files/s',
    aims: { sshd: 1, rclone: 1 },
    async prepare({ root, local, refresh }, size) {
      await emptied(join(local, 'small-back'))
      await emptied(join(root, 'small-put'))
      await manyFiles(join(way === 'get' ? root : local, 'small'), size(2000), 4096)
      await refresh?.()
    },
    async run(subject, size) {
      const { folder, local } = subject
      const command =
        way === 'get'
          ? `get -r ${folder}/small ${local}/small-back`
          : `put -r ${local}/small ${folder}/small-put`
      return size(2000) / (await timed(() => sftp(subject, [command])))
    },
  }
}

const listing: Workload<SftpSubject> = {
  name: 'ls -l of 10,000',
  unit: 'entries/s',
  aims: { sshd: 2.5, rclone: 1 },
  async prepare({ root, refresh }, size) {
    await manyFiles(join(root, 'many'), size(10_000), 0)
    await refresh?.()
  },
  async run(subject, size) {
    const commands = new Array(LISTINGS).fill(`ls -l ${subject.folder}/many`)
    return (size(10_000) * LISTINGS) / (await timed(() => sftp(subject, commands)))
  },
}

const parallel: Workload<SftpSubject> = {
  name: 'four get 512 MiB',
  unit: 'MiB/s',
  aims: { sshd: 1.4, rclone: 1 },
  async prepare({ root, local, refresh }, size) {
    await randomFile(join(root, 'part.bin'), size(512) * MIB)
    for (let at = 0; at < 4; at++) await emptied(join(local, `part-${at}`))
    await refresh?.()
  },
  async run(subject, size) {
    const { folder, local } = subject
    const gets = [0, 1, 2, 3].map((at) => () => sftp(subject, [`get ${folder}/part.bin ${local}/part-${at}`]))
    return (4 * size(512)) / (await timed(() => Promise.all(gets.map((get) => get()))))
  },
}

type Logins = { readonly milliseconds: number; end(): Promise<void> }

/** SFTP sessions made by a process of its own, held open until `end`. */
async function logIn(
  { port, login, proof }: SftpSubject,
  count: number,
  mode: 'hold' | 'close',
): Promise<Logins> {
  const script = join(import.meta.dirname, '../clients/ssh-logins.ts')
  const env = 'password' in proof ? { PASSWORD: proof.password } : { KEY_FILE: proof.keyFile }
  const child = spawn(process.execPath, [script, `${port}`, login, `${count}`, '8', mode], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  })
  const ended = new Promise<void>((resolve) => child.on('exit', () => resolve()))
  for await (const line of createInterface({ input: child.stdout })) {
    return {
      milliseconds: Number(line),
      async end() {
        child.stdin.end()
        await ended
      },
    }
  }
  throw new Error('the logins failed')
}

const logins: Workload<SftpSubject> = {
  name: 'logins, 8 at a time',
  unit: '1/s',
  aims: { sshd: 3, rclone: 1 },
  async run(subject, size) {
    const { milliseconds, end } = await logIn(subject, size(400), 'close')
    await end()
    return size(400) / (milliseconds / 1000)
  },
}

const idle: Workload<SftpSubject> = {
  name: 'idle sessions in 1 MiB',
  unit: 'sessions',
  aims: { sshd: 1, rclone: 1 },
  async run(subject, size) {
    const memory = async () => (await (await watchProcesses(subject.pids)).end()).peakMemory
    // What the first sessions make the process allocate once is not theirs.
    const warm = await logIn(subject, size(100), 'hold')
    await warm.end()
    await delay(1_000)
    const before = await memory()
    const held = await logIn(subject, size(400), 'hold')
    await delay(1_000)
    const sessions = size(400) / ((await memory()) - before)
    await held.end()
    return sessions
  },
}

async function latchkey(context: BenchContext, local: string): Promise<SftpSubject> {
  const server = await startLatchkey({ dir: context.dir })
  const { login, value, sftp: url } = server.demo
  return { ...server, port: Number(new URL(url).port), login, proof: { password: value }, local }
}

async function sshd(context: BenchContext, local: string): Promise<SftpSubject | null> {
  const server = await startSshd(context)
  return server && { ...server, folder: server.root, proof: { keyFile: server.keyFile }, local }
}

async function rclone(context: BenchContext, local: string): Promise<SftpSubject | null> {
  const server = await startRclone('sftp', context)
  return server && { ...server, folder: '', proof: { password: server.value }, local }
}

/** The SFTP door beside Debian's sshd and `rclone serve sftp`. */
export const sftpBench = defineBench<SftpSubject>({
  door: 'sftp',
  async start(context) {
    const local = join(context.dir, 'sftp-clients')
    await mkdir(local)
    return [await latchkey(context, local), await sshd(context, local), await rclone(context, local)]
  },
  workloads: [
    transfer('get', GCM, 'aes128-gcm', 1.2),
    transfer('put', GCM, 'aes128-gcm', 1.5),
    transfer('get', CHACHA, 'chacha20', 1.15),
    transfer('put', CHACHA, 'chacha20', 1.4),
    smallFiles('get'),
    smallFiles('put'),
    listing,
    parallel,
    logins,
    idle,
  ],
})
