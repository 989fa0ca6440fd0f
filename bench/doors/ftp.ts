import { randomInt } from 'node:crypto'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { makeCertificate, save } from '../../test/certificate.ts'
import { run } from '../../test/clients/run.ts'
import { type BenchContext, defineBench, type Subject, type Workload } from '../bench.ts'
import { manyFiles, randomFile } from '../data.ts'
import { startLatchkey } from '../latchkey.ts'
import { startPyftpdlib } from '../peers/pyftpdlib.ts'
import { startVsftpd } from '../peers/vsftpd.ts'

type FtpSubject = Subject & {
  readonly port: number
  readonly login: string
  readonly value: string
  /** Path of the working folder on the server, and the real one behind it. */
  readonly folder: string
  readonly root: string
  /** Local folder of the clients. */
  readonly local: string
}

type Mode = 'plain' | 'tls'

const MIB = 1024 ** 2
const LISTINGS = 5
/** The only cipher that vsftpd is configured with. */
const TLS = ['--ssl-reqd', '-k', '--tls-max', '1.2', '--ciphers', 'ECDHE-ECDSA-AES128-GCM-SHA256']
const AT_ONCE = 4

function curlArguments({ login, value }: FtpSubject, mode: Mode): string[] {
  return ['-sS', '-u', `${login}:${value}`, '--ftp-method', 'nocwd', ...(mode === 'tls' ? TLS : [])]
}

function urlOf({ port, folder }: FtpSubject, name: string): string {
  return `ftp://127.0.0.1:${port}/${folder}/${name}`
}

/** Seconds that curl took. */
async function curl(subject: FtpSubject, mode: Mode, args: readonly string[]): Promise<number> {
  const from = performance.now()
  const { code, stderr } = await run('curl', [...curlArguments(subject, mode), ...args])
  if (code !== 0) throw new Error(`curl with ${subject.name} ended with ${code}: ${stderr}`)
  return (performance.now() - from) / 1000
}

async function emptied(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    await rm(join(folder, name), { recursive: true, force: true })
  }
}

/** One file there or back. */
function transfer(way: 'get' | 'put', mode: Mode): Workload<FtpSubject> {
  return {
    name: `${mode === 'tls' ? 'TLS ' : ''}${way} 1 GiB`,
    unit: 'MiB/s',
    aims: { vsftpd: 1, pyftpdlib: 1 },
    ...(mode === 'tls' ? { without: ['pyftpdlib'] } : {}),
    async prepare({ root, local }, size) {
      await emptied(root)
      await randomFile(join(way === 'get' ? root : local, 'big.bin'), size(1024) * MIB)
    },
    async run(subject, size) {
      const url = urlOf(subject, 'big.bin')
      const args = way === 'get' ? ['-o', '/dev/null', url] : ['-T', join(subject.local, 'big.bin'), url]
      return size(1024) / (await curl(subject, mode, args))
    },
  }
}

/** Four connections, each of which takes one file after the other. */
function smallFiles(way: 'get' | 'put', mode: Mode): Workload<FtpSubject> {
  return {
    name: `${mode === 'tls' ? 'TLS ' : ''}${way} 2,000 × 4 KiB, ${AT_ONCE} in parallel`,
    unit: 'files/s',
    aims: { vsftpd: 0.5, pyftpdlib: 1 },
    ...(mode === 'tls' ? { without: ['pyftpdlib'] } : {}),
    async prepare({ root, local }, size) {
      await emptied(root)
      await rm(join(local, 'small'), { recursive: true, force: true })
      await manyFiles(join(local, 'small'), size(2000), 4096)
      if (way === 'get') await manyFiles(root, size(2000), 4096)
    },
    async run({ port, login, value, folder, local }, size) {
      const script = join(import.meta.dirname, '../clients/ftp-files.ts')
      const args = [script, `${port}`, login, way, folder, join(local, 'small'), `${AT_ONCE}`, mode]
      const { code, stdout, stderr } = await run(process.execPath, args, { env: { PASSWORD: value } })
      if (code !== 0 || stdout === '') throw new Error(`the transfers failed: ${stderr}`)
      return size(2000) / (Number(stdout) / 1000)
    },
  }
}

const listing: Workload<FtpSubject> = {
  name: 'LIST of 10,000',
  unit: 'entries/s',
  aims: { pyftpdlib: 1 },
  async prepare({ root }, size) {
    await emptied(root)
    await manyFiles(root, size(10_000), 0)
  },
  async run(subject, size) {
    const once = ['-o', '/dev/null', urlOf(subject, '')]
    const args = new Array(LISTINGS).fill(once).flat()
    return (size(10_000) * LISTINGS) / (await curl(subject, 'plain', args))
  },
}

function logins(mode: Mode): Workload<FtpSubject> {
  return {
    name: `${mode === 'tls' ? 'TLS ' : ''}logins, 8 at a time`,
    unit: '1/s',
    aims: { vsftpd: 3 },
    ...(mode === 'tls' ? { without: ['pyftpdlib'] } : {}),
    async run({ port, login, value }, size) {
      const script = join(import.meta.dirname, '../clients/ftp-logins.ts')
      const count = size(mode === 'tls' ? 400 : 1200)
      const args = [script, `${port}`, login, `${count}`, '8', mode]
      const { code, stdout, stderr } = await run(process.execPath, args, { env: { PASSWORD: value } })
      if (code !== 0) throw new Error(`the logins failed: ${stderr}`)
      return count / (Number(stdout) / 1000)
    },
  }
}

/**
 * As many as Latchkey's default. With ports that the system chooses, bind() gets slow when thousands of connections
 * of the rounds before wait for their time to be over.
 */
function hundredPorts(): string {
  const from = randomInt(20_000, 32_000)
  return `${from}-${from + 99}`
}

/** The FTP door beside Debian's vsftpd and pyftpdlib. */
export const ftpBench = defineBench<FtpSubject>({
  door: 'ftp',
  async start(context: BenchContext) {
    const local = join(context.dir, 'ftp-clients')
    await mkdir(local)
    const files = await save(context.dir, 'ftp', await makeCertificate())
    const config = `tls: [{ certificate: ${files.certificate}, key: ${files.key} }]
ftp: { passive_ports: ${hundredPorts()} }\n`
    const server = await startLatchkey({ dir: context.dir, config })
    const { login, value, ftp } = server.demo
    const vsftpd = await startVsftpd(context, files)
    const pyftpdlib = await startPyftpdlib(context, hundredPorts())
    return [
      { ...server, port: Number(new URL(ftp).port), login, value, local },
      vsftpd && { ...vsftpd, login: 'anonymous', value: 'bench@', local },
      pyftpdlib && { ...pyftpdlib, folder: '', local },
    ]
  },
  workloads: [
    transfer('get', 'plain'),
    transfer('put', 'plain'),
    transfer('get', 'tls'),
    transfer('put', 'tls'),
    smallFiles('get', 'plain'),
    smallFiles('put', 'plain'),
    smallFiles('put', 'tls'),
    listing,
    logins('plain'),
    logins('tls'),
  ],
})
