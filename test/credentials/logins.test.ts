import { once } from 'node:events'
import { connect } from 'node:net'
import { Client } from 'basic-ftp'
import { describe, expect, test } from 'vitest'
import type { Proof } from '#credentials/proof.ts'
import { createKey } from '#identity/create-key.ts'
import { createGuestKey } from '#identity/guest-key.ts'
import { updateSite } from '#identity/sites.ts'
import { addUser, setPassword } from '#identity/users.ts'
import { startFtpDoor } from '#protocols/ftp/door.ts'
import type { DoorLog, RunningDoor } from '#protocols/protocol.ts'
import { startRestDoor } from '#protocols/rest/door.ts'
import { startS3Door } from '#protocols/s3/door.ts'
import { startSftpDoor } from '#protocols/sftp/door.ts'
import { newHostKey } from '#protocols/sftp/host-key.ts'
import { startWebdavDoor } from '#protocols/webdav/door.ts'
import { startWorld, type World } from '#test/world.ts'

const OPERATOR = { kind: 'command_line' } as const
const CHOSEN = 'correct-horse-battery'
const PASSWORD = 'tr0ub4dor and three'
const LOCAL = { address: '127.0.0.1', port: 0, siteId: null }
const SILENT: DoorLog = { debug() {}, info() {}, warn() {}, error() {} }

const password = (login: string, secret: string): Proof => ({ kind: 'password', login, password: secret })

async function allow(world: World, settings: { allowChosenValues?: boolean; passwordLogin?: boolean }) {
  await updateSite(world.identity, OPERATOR, world.site.id, { settings })
}

function login(world: World, proof: Proof, door: 'webdav' | 'rest' = 'webdav') {
  return world.gate.login({ door, proof, address: '192.0.2.7', siteId: null, client: 'test' })
}

describe('logins over real records', () => {
  test('K5: a chosen value opens by name, id and alone, and stops at once with its key', async () => {
    await using world = await startWorld()
    await allow(world, { allowChosenValues: true })
    await world.issue({ name: 'other' })
    const { key } = await createKey(world.identity, OPERATOR, world.site.id, {
      name: 'printer',
      type: 'site',
      value: CHOSEN,
    })
    expect((await login(world, password('@api-printer', CHOSEN))).ok).toBe(true)
    expect((await login(world, password(`@api-${key.id}`, CHOSEN))).ok).toBe(true)
    expect((await login(world, { kind: 'bearer', value: CHOSEN }, 'rest')).ok).toBe(true)
    expect((await login(world, password('@api-other', CHOSEN))).ok).toBe(false)
    expect((await login(world, password('@api-printer', 'wrong-horse-battery'))).ok).toBe(false)
    await world.disable(key.id)
    expect((await login(world, password('@api-printer', CHOSEN))).ok).toBe(false)
  })

  test('D7: a user logs in with the own password while the site allows it; a new one ends the session', async () => {
    await using world = await startWorld()
    const { identity, site } = world
    await addUser(identity, OPERATOR, site.id, { name: 'ann', role: 'member' })
    await setPassword(identity, OPERATOR, site.id, { name: 'ann' }, PASSWORD)
    const entered = await login(world, password('ann', PASSWORD))
    if (!entered.ok) throw new Error('refused')
    expect(entered.principal).toMatchObject({ kind: 'person', user: { name: 'ann' }, key: null })
    const session = world.gate.open(entered.principal, { door: 'webdav', address: '192.0.2.7', client: '' })
    await setPassword(identity, OPERATOR, site.id, { name: 'ann' }, 'another password 1')
    await expect.poll(() => session.signal.aborted).toBe(true)
    expect((await login(world, password('ann', PASSWORD))).ok).toBe(false)
    expect((await login(world, password('ann', 'another password 1'))).ok).toBe(true)
    await allow(world, { passwordLogin: false })
    expect((await login(world, password('ann', 'another password 1'))).ok).toBe(false)
  })

  test('D8: with a guest key, WebDAV, S3 and FTP let in who presents nothing; without, nobody', async () => {
    await using world = await startWorld()
    await world.issue()
    const webdav = await world.start('webdav')
    const s3 = await world.start('s3')
    const ftp = await world.start('ftp')
    const statuses = async () => [
      (await fetch(`http://127.0.0.1:${webdav.port}/`, { method: 'PROPFIND', headers: { depth: '0' } }))
        .status,
      (await fetch(`http://127.0.0.1:${s3.port}/`)).status,
      await ftpStatus(ftp.port),
    ]
    expect(await statuses()).toEqual([401, 403, 530])
    const scopes = ['files.list', 'folders.read', 'webdav.read', 'ftp', 's3']
    await createGuestKey(world.identity, OPERATOR, world.site.id, { scopes })
    expect(await statuses()).toEqual([207, 200, 230])
    const put = await fetch(`http://127.0.0.1:${webdav.port}/x`, { method: 'PUT', body: 'x' })
    expect([put.status, put.headers.get('www-authenticate')]).toEqual([401, expect.stringContaining('Basic')])
  })

  test('R2: counts of wrong guesses reach the records, without the login', async () => {
    await using world = await startWorld()
    await login(world, password('nobody-of-this-name', 'wrong password 1'))
    await expect
      .poll(async () => (await world.folder.records.throttle.since(0)).length, { timeout: 5_000 })
      .toBe(2)
    const rows = await world.folder.records.throttle.since(0)
    expect(rows.map(({ failures }) => failures)).toEqual([1, 1])
    expect(JSON.stringify(rows)).toContain('192.0.2.7')
    expect(JSON.stringify(rows)).not.toContain('nobody')
  })
})

async function ftpStatus(port: number): Promise<number> {
  const client = new Client()
  try {
    await client.connect('127.0.0.1', port)
    return (await client.login('anonymous', 'a@b')).code
  } catch (error) {
    return error instanceof Error && 'code' in error ? Number(error.code) : 0
  } finally {
    client.close()
  }
}

describe('R2: addresses behind a proxy', () => {
  const CLIENT = '198.51.100.20'
  const HEADER = Buffer.from(`PROXY TCP4 ${CLIENT} 127.0.0.1 4711 21\r\n`)

  type Started = { readonly door: RunningDoor } & AsyncDisposable

  function running(door: RunningDoor): Started {
    return { door, [Symbol.asyncDispose]: () => door.stop(AbortSignal.abort()) }
  }

  /** Addresses that logins came from, as the audit has them. */
  async function addresses(world: World): Promise<(string | null)[]> {
    await world.core.audit.flush()
    const page = { limit: 50, after: null, order: 'oldest' } as const
    const entries = await world.folder.records.audit.search({ siteId: null, action: 'login' }, page)
    return entries.map(({ address }) => address)
  }

  test.each<[string, readonly string[], string]>([
    ['from a trusted proxy', ['127.0.0.0/8'], CLIENT],
    ['forged by somebody who is none', ['10.0.0.0/8'], '127.0.0.1'],
    ['while no proxy is configured', [], '127.0.0.1'],
  ])('X-Forwarded-For on WebDAV, S3 and REST, %s', async (_, trustedProxies, expected) => {
    await using world = await startWorld()
    const key = await world.issue()
    const { gate, identity } = world
    const options = { listener: LOCAL, log: SILENT, trustedProxies }
    await using webdav = running(await startWebdavDoor(gate, options))
    await using s3 = running(await startS3Door(gate, { ...options, region: 'local' }))
    await using rest = running(await startRestDoor(gate, { ...options, identity }))
    const headers = { 'x-forwarded-for': `127.0.0.9, ${CLIENT}` }
    const basic = Buffer.from(`${key.login}:${key.value}`).toString('base64')
    const date = new Date(world.clock.now()).toISOString().replaceAll(/[-:]|\.\d+/g, '')
    const signed = [
      `AWS4-HMAC-SHA256 Credential=LKNONE/${date.slice(0, 8)}/local/s3/aws4_request`,
      'SignedHeaders=host;x-amz-content-sha256;x-amz-date',
      `Signature=${'0'.repeat(64)}`,
    ].join(', ')
    const requests: [RunningDoor, string, Record<string, string>][] = [
      [webdav.door, '/', { authorization: `Basic ${basic}` }],
      [rest.door, '/api/test/api-key', { authorization: `Bearer ${key.value}` }],
      [
        s3.door,
        '/',
        { authorization: signed, 'x-amz-date': date, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' },
      ],
    ]
    for (const [{ port }, path, more] of requests) {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { ...headers, ...more } })
      await answer.arrayBuffer()
    }
    expect(await addresses(world)).toEqual([expected, expected, expected])
  })

  test('K11: an address rule sees the client, and cannot be passed by a forged header', async () => {
    await using world = await startWorld()
    const key = await world.issue({ conditions: { allow: [`${CLIENT}/32`] } })
    const status = async (trustedProxies: readonly string[], forwarded: string) => {
      await using webdav = running(
        await startWebdavDoor(world.gate, { listener: LOCAL, log: SILENT, trustedProxies }),
      )
      const basic = Buffer.from(`${key.login}:${key.value}`).toString('base64')
      const headers = { authorization: `Basic ${basic}`, 'x-forwarded-for': forwarded }
      return (await fetch(`http://127.0.0.1:${webdav.door.port}/`, { headers, method: 'OPTIONS' })).status
    }
    expect(await status(['127.0.0.1'], CLIENT)).toBe(200)
    expect(await status([], CLIENT)).toBe(401)
    expect(await status(['127.0.0.1'], `${CLIENT}, 203.0.113.9`)).toBe(401)
  })

  /** What the server says first, after these bytes; empty when it closes without a word. */
  async function greeting(port: number, bytes: Buffer): Promise<string> {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    let heard = ''
    socket.on('data', (chunk) => {
      heard += chunk.toString('latin1')
      socket.end()
    })
    socket.write(bytes)
    await once(socket, 'close')
    return heard
  }

  test('PROXY protocol on SFTP and FTP: only from trusted proxies, only with a header', async () => {
    await using world = await startWorld()
    const listener = { ...LOCAL, proxyProtocol: true }
    const hostKeys = [newHostKey()]
    const start = async (trustedProxies: readonly string[]) => {
      const options = { listener, log: SILENT, trustedProxies }
      const sftp = await startSftpDoor(world.gate, { ...options, hostKeys })
      const ftp = await startFtpDoor(world.gate, { ...options, passivePorts: 'any' })
      return [running(ftp), running(sftp)] as const
    }
    const [ftp, sftp] = await start(['127.0.0.1'])
    const [strictFtp, strictSftp] = await start(['10.0.0.0/8'])
    await using _doors = {
      async [Symbol.asyncDispose]() {
        for (const one of [ftp, sftp, strictFtp, strictSftp]) await one[Symbol.asyncDispose]()
      },
    }
    expect(await greeting(ftp.door.port, HEADER)).toContain('220 ')
    expect(await greeting(sftp.door.port, HEADER)).toContain('SSH-2.0-')
    expect(await greeting(ftp.door.port, Buffer.from('USER ann\r\n'))).toBe('')
    expect(await greeting(sftp.door.port, Buffer.from('SSH-2.0-OpenSSH\r\n'))).toBe('')
    expect(await greeting(strictFtp.door.port, HEADER)).toBe('')
    expect(await greeting(strictSftp.door.port, HEADER)).toBe('')
  })

  test('a login after a PROXY header is the client’s, with the bytes that came right behind it', async () => {
    await using world = await startWorld()
    const key = await world.issue()
    const listener = { ...LOCAL, proxyProtocol: true }
    await using ftp = running(
      await startFtpDoor(world.gate, {
        listener,
        log: SILENT,
        trustedProxies: ['127.0.0.1'],
        passivePorts: 'any',
      }),
    )
    const socket = connect(ftp.door.port, '127.0.0.1')
    const login = Buffer.from(`USER ${key.login}\r\nPASS ${key.value}\r\n`)
    socket.write(Buffer.concat([HEADER, login]))
    let heard = ''
    socket.on('data', (chunk) => {
      heard += chunk.toString()
    })
    await expect.poll(() => heard).toContain('230 ')
    socket.destroy()
    expect(await addresses(world)).toEqual([CLIENT])
  })
})
