import { readdir, readlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { program } from '../clients/programs.ts'
import { type Server, startServer } from '../clients/server.ts'
import { connectFarHost } from './far-host.ts'
import { filesBelow } from './traces.ts'
import { transfersOf } from './transfers.ts'

/** HTTP's idle time is the longest, and there is one of them for the request and one for its end. */
const ALL_NOTICED_MS = 300_000
const DOORS = ['webdav', 's3', 'rest', 'sftp', 'ftp']

async function socketsOf({ pid }: Server): Promise<number> {
  const folder = `/proc/${pid}/fd`
  const links = (await readdir(folder)).map((name) => readlink(join(folder, name)).catch(() => ''))
  return (await Promise.all(links)).filter((link) => link.startsWith('socket:')).length
}

// What is waited for are the doors' own idle times: minutes.
const isLong = process.env.LATCHKEY_HALF_OPEN === '1'

test.runIf(isLong)(
  'a cable that is pulled out ends every transfer, and nothing is left of them',
  async () => {
    using far = connectFarHost()
    if (far === null || !program('curl')) return
    const listen = (door: string) => `${door}:\n  listen: [{ address: ${far.address}, port: 0 }]\n`
    const ftp = '  require_tls: false\n  idle_timeout: 60\n'
    await using server = await startServer({ config: `${DOORS.map(listen).join('')}${ftp}` })
    const file = join(server.dir, 'big')
    await writeFile(file, '')
    await truncate(file, 256 * 1024 * 1024)
    await writeFile(join(server.files, 'demo/big'), Buffer.alloc(64 * 1024 * 1024))
    using clients = new DisposableStack()
    const descriptors = async () => (await readdir(`/proc/${server.pid}/fd`)).length
    const before = await descriptors()
    const running = transfersOf(server.demo, far.wrapper).flatMap(({ door, upload, download }) => [
      upload(file, `half-${door}`, '1M'),
      download('big', '1M'),
    ])
    clients.defer(() => {
      for (const { child } of running) child.kill('SIGKILL')
    })
    const sessions = async () =>
      (await server.cli<{ door: string }[]>('session', 'list')).map(({ door }) => door)
    await expect
      .poll(async () => (await sessions()).toSorted(), { timeout: 60_000, interval: 1_000 })
      .toEqual(DOORS.flatMap((door) => [door, door]).toSorted())
    far.pull()
    await expect.poll(sessions, { timeout: ALL_NOTICED_MS, interval: 5_000 }).toEqual([])
    await expect.poll(() => socketsOf(server), { timeout: 20_000 }).toBeLessThanOrEqual(before)
    expect(await filesBelow(join(server.files, '.latchkey/staging'))).toEqual([])
    const published = await readdir(join(server.files, 'demo'))
    expect(published.filter((name) => name.startsWith('half-'))).toEqual([])
  },
)
