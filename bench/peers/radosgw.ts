import { randomUUID } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { run, succeed } from '../../test/clients/run.ts'
import type { BenchContext, Subject } from '../bench.ts'
import type { S3Access } from '../clients/s3-signed.ts'
import { freePort, untilListening } from './sshd.ts'

const PROGRAMS = ['radosgw', 'radosgw-admin', 'ceph-mon', 'ceph-osd', 'ceph', 'ceph-authtool', 'monmaptool']
const ACCESS_KEY = {
  accessKeyId: 'LATCHKEYBENCH0000001',
  secretAccessKey: 'a-secret-of-the-bench-alone-00000001',
}
/** Where Debian's ceph-osd keeps what radosgw runs inside of it; compiled in is another place. */
const CLASSES = '/usr/lib/x86_64-linux-gnu/rados-classes'
const BYTES = 6 * 1024 ** 3

/**
 * Ceph's S3 gateway over one monitor and one store in memory: nothing is ever synced. Null when it is not
 * installed. Keys above 460 bytes and objects above what memory holds are beyond it.
 */
export async function startRadosgw({ dir, missing }: BenchContext): Promise<(Subject & S3Access) | null> {
  const found = await run('sh', ['-c', PROGRAMS.map((name) => `command -v ${name}`).join(' && ')])
  if (found.code !== 0 || process.getuid?.() !== 0) {
    missing('radosgw', 'needs radosgw, ceph-mon, ceph-osd and root')
    return null
  }
  const own = await mkdtemp(join(dir, 'radosgw-'))
  for (const name of ['mon', 'osd0', 'rgw', 'run', 'log']) await mkdir(join(own, name))
  const port = await freePort()
  const monitor = await freePort()
  const fsid = randomUUID()
  const config = join(own, 'ceph.conf')
  await writeFile(config, configuration(own, fsid, port, monitor))
  try {
    await startCluster(own, config, fsid, monitor)
    await succeed('radosgw', ['-c', config, '-n', 'client.rgw'])
    await untilListening(port)
    const { accessKeyId, secretAccessKey } = ACCESS_KEY
    const keys = ['--access-key', accessKeyId, '--secret', secretAccessKey]
    const user = ['user', 'create', '--uid', 'bench', '--display-name', 'bench', ...keys]
    await succeed('radosgw-admin', ['-c', config, '-n', 'client.rgw', ...user])
  } catch (error) {
    await endAll(own)
    throw error
  }
  return {
    name: 'radosgw',
    pids: await pidsOf(own),
    host: '127.0.0.1',
    port,
    ...ACCESS_KEY,
    region: 'default',
    [Symbol.asyncDispose]: () => endAll(own),
  }
}

function configuration(own: string, fsid: string, port: number, monitor: number): string {
  return `[global]
fsid = ${fsid}
mon host = v2:127.0.0.1:${monitor}
mon initial members = a
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
keyring = ${own}/keyring
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pgp num = 8
mon warn on pool no redundancy = false
mon allow pool size one = true
mon max pg per osd = 2000
osd crush chooseleaf type = 0
run dir = ${own}/run
admin socket = ${own}/run/$name.asok
pid file = ${own}/run/$name.pid
log file = ${own}/log/$name.log
mon cluster log file = ${own}/log/cluster.log
crash dir = ${own}/log
[mon.a]
mon data = ${own}/mon
[osd]
osd objectstore = memstore
memstore device bytes = ${BYTES}
osd data = ${own}/osd0
osd class dir = ${CLASSES}
osd max object name len = 460
[client.rgw]
rgw data = ${own}/rgw
rgw frontends = beast endpoint=127.0.0.1:${port} tcp_nodelay=1
rgw enable usage log = false
`
}

async function startCluster(own: string, config: string, fsid: string, monitor: number): Promise<void> {
  const keyring = join(own, 'keyring')
  const at = ['-c', config]
  const key = (name: string, ...caps: readonly string[]) =>
    succeed('ceph-authtool', [keyring, '--gen-key', '-n', name, ...caps.flatMap((cap) => cap.split(':'))])
  await writeFile(keyring, '', { mode: 0o600 })
  await key('mon.', '--cap:mon:allow *')
  await key('client.admin', '--cap:mon:allow *', '--cap:osd:allow *', '--cap:mgr:allow *')
  await key('client.rgw', '--cap:mon:allow rwx', '--cap:osd:allow rwx', '--cap:mgr:allow rw')
  await key('osd.0', '--cap:mon:allow profile osd', '--cap:osd:allow *')
  const map = join(own, 'monmap')
  const address = `[v2:127.0.0.1:${monitor}]`
  await succeed('monmaptool', ['--create', '--fsid', fsid, '--addv', 'a', address, map])
  await succeed('ceph-mon', [...at, '--mkfs', '-i', 'a', '--monmap', map, '--keyring', keyring])
  await succeed('ceph-mon', [...at, '-i', 'a'])
  await succeed('ceph', [...at, 'auth', 'import', '-i', keyring], { timeout: 60_000 })
  const id = randomUUID()
  await succeed('ceph', [...at, 'osd', 'new', id], { timeout: 60_000 })
  await succeed('ceph-osd', [...at, '-i', '0', '--mkfs', '--osd-uuid', id])
  await succeed('ceph-osd', [...at, '-i', '0'])
  for (let tries = 0; tries < 60; tries++) {
    if ((await succeed('ceph', [...at, 'osd', 'stat'])).includes('1 up')) return
    await delay(500)
  }
  throw new Error('the store of ceph did not come up')
}

async function pidsOf(own: string): Promise<number[]> {
  const files = (await readdir(join(own, 'run'))).filter((name) => name.endsWith('.pid'))
  const texts = await Promise.all(files.map((name) => readFile(join(own, 'run', name), 'utf8')))
  return texts.map(Number).filter((pid) => pid > 0)
}

/** They are daemons of their own: ended by the numbers that they wrote down, and waited for. */
async function endAll(own: string): Promise<void> {
  for (const pid of await pidsOf(own)) {
    try {
      process.kill(pid, 'SIGKILL')
      for (let tries = 0; tries < 50; tries++) {
        process.kill(pid, 0)
        await delay(100)
      }
    } catch {}
  }
}
