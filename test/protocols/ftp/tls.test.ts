import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { Client } from 'basic-ftp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type FtpDoorOptions, startFtpDoor } from '#protocols/ftp/door.ts'
import type { RunningDoor } from '#protocols/protocol.ts'
import { startWorld, type World, type WorldKey } from '#test/world.ts'
import { certificatesOf, makeCertificate, type Pem } from '../../certificate.ts'
import { connectRaw, createRawClient, type RawClient, readAll } from './raw-client.ts'

let world: World
let key: WorldKey
let door: RunningDoor
let tls: Pem

const log = { debug() {}, info() {}, warn() {}, error() {} }

async function start(options: Partial<FtpDoorOptions> = {}, implicitTls = false): Promise<RunningDoor> {
  const certificates = await certificatesOf(tls)
  const listener = { address: '127.0.0.1', port: 0, siteId: null, tls: certificates, implicitTls }
  return startFtpDoor(world.gate, { listener, log, passivePorts: 'any', ...options })
}

beforeAll(async () => {
  tls = await makeCertificate()
  world = await startWorld()
  key = await world.issue()
  door = await start()
})

afterAll(async () => {
  await door.stop(AbortSignal.abort())
  await world[Symbol.asyncDispose]()
})

async function secure(client: RawClient, options: ConnectionOptions = {}): Promise<TLSSocket> {
  client.socket.removeAllListeners('data')
  const socket = connect({ socket: client.socket, ca: tls.cert, servername: 'localhost', ...options })
  client.use(socket)
  await once(socket, 'secureConnect')
  return socket
}

async function login(client: RawClient): Promise<void> {
  await client.command(`USER ${key.login}`)
  expect(await client.command(`PASS ${key.value}`)).toMatch(/^230 /)
  await client.command('TYPE I')
}

describe('AUTH TLS', () => {
  test('control and data go over TLS, and a data connection may resume the session', async () => {
    using client = await connectRaw(door.port)
    expect(await client.command('FEAT')).toContain(' AUTH TLS\r\n')
    expect(await client.command('PROT P')).toMatch(/^503 /)
    expect(await client.command('AUTH TLS')).toMatch(/^234 /)
    const control = await secure(client, { maxVersion: 'TLSv1.2' })
    expect(await client.command('AUTH TLS')).toMatch(/^503 /)
    await login(client)
    expect(await client.command('PBSZ 0')).toMatch(/^200 /)
    expect(await client.command('PROT P')).toMatch(/^200 /)
    const bytes = randomBytes(3_000_000)
    await writeFile(join(world.root, 'secret'), bytes)
    const plain = await client.openData()
    client.send('RETR secret\r\n')
    expect(await client.reply()).toMatch(/^150 /)
    const session = control.getSession()
    const options = { ca: tls.cert, servername: 'localhost', maxVersion: 'TLSv1.2' } as const
    const data = connect({ socket: plain, ...options, ...(session && { session }) })
    await once(data, 'secureConnect')
    expect(data.isSessionReused()).toBe(true)
    expect((await readAll(data)).equals(bytes)).toBe(true)
    expect(await client.reply()).toMatch(/^226 /)
  })

  test('commands in the segment of AUTH are never answered (check 4)', async () => {
    using client = await connectRaw(door.port)
    client.send('AUTH TLS\r\nUSER injected\r\nPASS x\r\n')
    expect(await client.reply()).toMatch(/^234 /)
    await secure(client)
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(client.unread).toEqual([])
    expect(await client.command('PASS x')).toMatch(/^503 /)
  })

  test('commands in front of it in the same segment are answered in the clear, those behind it are not', async () => {
    using client = await connectRaw(door.port)
    client.send('NOOP\r\nSYST\r\nAUTH TLS\r\nNOOP\r\n')
    expect(await client.reply()).toMatch(/^200 /)
    expect(await client.reply()).toMatch(/^215 /)
    expect(await client.reply()).toMatch(/^234 /)
    await secure(client)
    expect(await client.command('SYST')).toMatch(/^215 /)
  })

  test('a login before AUTH does not count behind it', async () => {
    using client = await connectRaw(door.port)
    await login(client)
    await client.command('AUTH TLS')
    await secure(client)
    expect(await client.command('PWD')).toMatch(/^530 /)
  })

  test('garbage instead of a handshake ends the connection and nothing else', async () => {
    using client = await connectRaw(door.port)
    await client.command('AUTH TLS')
    client.send('this is no TLS\r\n'.repeat(10))
    await client.closed
    using other = await connectRaw(door.port)
    expect(await other.command('NOOP')).toMatch(/^200 /)
  })

  test('garbage instead of a handshake on the data connection is 425, and the session goes on', async () => {
    using client = await connectRaw(door.port)
    await client.command('AUTH TLS')
    await secure(client)
    await login(client)
    await client.command('PROT P')
    const data = await client.openData()
    data.write('this is no TLS\r\n'.repeat(10))
    expect(await client.command('STOR garbage')).toMatch(/^150 /)
    expect(await client.reply()).toMatch(/^425 /)
    expect(await client.command('SIZE garbage')).toMatch(/^550 /)
  })

  test('TLS below 1.2 is refused', async () => {
    using client = await connectRaw(door.port)
    await client.command('AUTH TLS')
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const
    await expect(secure(client, old)).rejects.toThrow()
  })
})

describe('TLS required', () => {
  test('data in the clear is refused', async () => {
    const strict = await start({ requireTls: true })
    using client = await connectRaw(strict.port)
    expect(await client.command('USER x')).toMatch(/^530 /)
    await client.command('AUTH TLS')
    await secure(client)
    await login(client)
    await client.command('EPSV')
    expect(await client.command('LIST')).toMatch(/^521 /)
    expect(await client.command('PROT C')).toMatch(/^534 /)
    await strict.stop(AbortSignal.abort())
  })

  test('R1: a disabled key is cut over TLS too, in the middle of an upload', async () => {
    const short = await world.issue()
    using client = await connectRaw(door.port)
    await client.command('AUTH TLS')
    await secure(client)
    await client.command(`USER ${short.login}`)
    await client.command(`PASS ${short.value}`)
    await client.command('PROT P')
    await client.command('PBSZ 0')
    const plain = await client.openData()
    client.send('STOR cut\r\n')
    await client.reply()
    const data = connect({ socket: plain, ca: tls.cert, servername: 'localhost' })
    data.on('error', () => {})
    await new Promise<void>((resolve) => data.write(randomBytes(300_000), () => resolve()))
    await world.disable(short.id)
    expect(await client.reply()).toMatch(/^421 /)
    await client.closed
    expect(await client.command('NOOP').catch(() => 'closed')).toBe('closed')
    await expect(readFile(join(world.root, 'cut'))).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

describe('many', () => {
  test('100 TLS logins with an upload each, 4 at once, and none fails (check 3)', async () => {
    const worker = async (n: number) => {
      for (let i = 0; i < 25; i++) {
        const ftp = new Client()
        const secureOptions = { ca: tls.cert, host: 'localhost' }
        const { login: user, value: password } = key
        await ftp.access({ host: '127.0.0.1', port: door.port, user, password, secure: true, secureOptions })
        await ftp.uploadFrom(Readable.from([Buffer.from(`${n}-${i}`)]), `/many-${n}`)
        expect(await ftp.size(`/many-${n}`)).toBe(`${n}-${i}`.length)
        ftp.close()
      }
    }
    await Promise.all([0, 1, 2, 3].map(worker))
  }, 90_000)
})

describe('implicit TLS', () => {
  test('speaks TLS from the first byte, data included', async () => {
    const implicit = await start({}, true)
    const socket = connect({ port: implicit.port, host: '127.0.0.1', ca: tls.cert, servername: 'localhost' })
    using client = createRawClient(socket)
    expect(await client.reply()).toMatch(/^220 /)
    await login(client)
    const plain = await client.openData()
    client.send('NLST\r\n')
    expect(await client.reply()).toMatch(/^150 /)
    const data = connect({ socket: plain, ca: tls.cert, servername: 'localhost' })
    expect((await readAll(data)).toString()).toContain('secret\r\n')
    expect(await client.reply()).toMatch(/^226 /)
    await implicit.stop(AbortSignal.abort())
  })
})
