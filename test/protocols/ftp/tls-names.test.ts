import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect as connectPlain } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadCertificates } from '#net/certificates.ts'
import { type FtpDoorOptions, startFtpDoor } from '#protocols/ftp/door.ts'
import type { RunningDoor } from '#protocols/protocol.ts'
import { startWorld, type World, type WorldKey } from '#test/world.ts'
import { certificatesOf, makeCertificate, type Pem, save } from '../../certificate.ts'
import { connectRaw, createRawClient, type RawClient, readAll } from './raw-client.ts'

let world: World
let key: WorldKey
let main: Pem
let other: Pem

const log = { debug() {}, info() {}, warn() {}, error() {} }
const SILENT = { info() {}, warn() {}, error() {} }

beforeAll(async () => {
  world = await startWorld()
  key = await world.issue()
  main = await makeCertificate(['ftp.main.example'])
  other = await makeCertificate(['*.other.example'])
  await world.addSite('other', ['www.other.example'])
})

afterAll(() => world[Symbol.asyncDispose]())

type Options = Partial<Omit<FtpDoorOptions, 'listener'>> & { implicitTls?: boolean; proxyProtocol?: boolean }

async function start({
  implicitTls,
  proxyProtocol,
  ...options
}: Options = {}): Promise<RunningDoor & AsyncDisposable> {
  const tls = await certificatesOf(main, other)
  const place = { address: '127.0.0.1', port: 0, siteId: null }
  const flags = { ...(implicitTls && { implicitTls }), ...(proxyProtocol && { proxyProtocol }) }
  const listener = { ...place, tls, ...flags }
  const door = await startFtpDoor(world.gate, { listener, log, passivePorts: 'any', ...options })
  return { ...door, [Symbol.asyncDispose]: () => door.stop(AbortSignal.abort()) }
}

async function secure(client: RawClient, options: ConnectionOptions = {}): Promise<TLSSocket> {
  expect(await client.command('AUTH TLS')).toMatch(/^234 /)
  client.socket.removeAllListeners('data')
  const socket = connect({ socket: client.socket, rejectUnauthorized: false, ...options })
  client.use(socket)
  await once(socket, 'secureConnect')
  return socket
}

function nameOf(socket: TLSSocket): string | string[] | undefined {
  return socket.getPeerCertificate().subject.CN
}

async function login(client: RawClient): Promise<string> {
  const asked = await client.command(`USER ${key.login}`)
  return asked.startsWith('331') ? await client.command(`PASS ${key.value}`) : asked
}

describe('the certificate', () => {
  test('is that of the name in the hello, else that of HOST, else the first', async () => {
    await using door = await start()
    using silent = await connectRaw(door.port)
    expect(nameOf(await secure(silent))).toBe('ftp.main.example')
    using named = await connectRaw(door.port)
    expect(nameOf(await secure(named, { servername: 'www.other.example' }))).toBe('*.other.example')
    using hosted = await connectRaw(door.port)
    expect(await hosted.command('HOST www.other.example')).toMatch(/^220 /)
    expect(nameOf(await secure(hosted))).toBe('*.other.example')
    using both = await connectRaw(door.port)
    await both.command('HOST www.other.example')
    expect(nameOf(await secure(both, { servername: 'ftp.main.example' }))).toBe('ftp.main.example')
    using unknown = await connectRaw(door.port)
    expect(nameOf(await secure(unknown, { servername: 'else.example' }))).toBe('ftp.main.example')
  })

  test('U5: the name in the hello chooses the site too', async () => {
    await using door = await start()
    using client = await connectRaw(door.port)
    await secure(client, { servername: 'www.other.example' })
    expect(await login(client)).toMatch(/^530 /)
    using right = await connectRaw(door.port)
    await secure(right, { servername: 'ftp.main.example' })
    expect(await login(right)).toMatch(/^230 /)
  })

  test('is the new one for new connections after a reload, while the old ones go on', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'latchkey-ftp-reload-'))
    const tls = await loadCertificates([await save(dir, 'a', main)], { log: SILENT, pollMs: 0 })
    const listener = { address: '127.0.0.1', port: 0, siteId: null, tls }
    const door = await startFtpDoor(world.gate, { listener, log, passivePorts: 'any' })
    using before = await connectRaw(door.port)
    expect(nameOf(await secure(before))).toBe('ftp.main.example')
    await save(dir, 'a', other)
    await tls.reload()
    using after = await connectRaw(door.port)
    expect(nameOf(await secure(after))).toBe('*.other.example')
    expect(await login(before)).toMatch(/^230 /)
    await door.stop(AbortSignal.abort())
    await rm(dir, { recursive: true })
  })
})

async function list(client: RawClient, options: ConnectionOptions): Promise<string> {
  const plain = await client.openData()
  client.send('NLST\r\n')
  expect(await client.reply()).toMatch(/^150 /)
  const data = connect({ socket: plain, rejectUnauthorized: false, ...options })
  data.on('error', () => {})
  await readAll(data).catch(() => null)
  return await client.reply()
}

describe('session reuse', () => {
  test.each(['TLSv1.2', 'TLSv1.3'] as const)(
    '%s: required, only a resumed session may carry data',
    async (version) => {
      await using door = await start({ requireSessionReuse: true })
      using client = await connectRaw(door.port)
      const sessions: Buffer[] = []
      const options = { maxVersion: version, minVersion: version, servername: 'www.other.example' }
      client.socket.setNoDelay(true)
      expect(await client.command('HOST ftp.main.example')).toMatch(/^504 /)
      const control = await secure(client, options)
      control.on('session', (session: Buffer) => sessions.push(session))
      await client.command('NOOP')
      await client.command('PROT P')
      const plain = { ...options, servername: 'ftp.main.example' }
      // The site of the hello is not the key's: log in as a key of that site.
      const foreign = await world.issue({ site: 'other' })
      await client.command(`USER ${foreign.login}`)
      expect(await client.command(`PASS ${foreign.value}`)).toMatch(/^230 /)
      await client.command('PROT P')
      expect(await list(client, plain)).toMatch(/^522 /)
      const session = sessions.at(-1) ?? control.getSession()
      expect(await list(client, { ...options, ...(session && { session }) })).toMatch(/^226 /)
      using thief = await connectRaw(door.port)
      await secure(thief, options)
      await thief.command(`USER ${foreign.login}`)
      await thief.command(`PASS ${foreign.value}`)
      await thief.command('PROT P')
      expect(await list(thief, { ...options, ...(session && { session }) })).toMatch(/^522 /)
    },
  )
})

describe('client certificates', () => {
  test('required: no login without one, none with a wrong one, and a right one replaces no password', async () => {
    const authority = await makeCertificate(['clients.example'])
    const right = await makeCertificate(['alice.example'], authority)
    const wrong = await makeCertificate(['mallory.example'])
    await using door = await start({ clientCertificates: () => ({ ca: authority.cert, required: true }) })
    using plain = await connectRaw(door.port)
    expect(await login(plain)).toMatch(/^530 A client certificate/)
    using bare = await connectRaw(door.port)
    await secure(bare)
    expect(await login(bare)).toMatch(/^530 A client certificate/)
    using mallory = await connectRaw(door.port)
    await secure(mallory, { key: wrong.key, cert: wrong.cert })
    expect(await login(mallory)).toMatch(/^530 Your certificate/)
    for (const options of [{}, { servername: 'www.other.example' }]) {
      using alice = await connectRaw(door.port)
      await secure(alice, { key: right.key, cert: right.cert, ...options })
      expect(await alice.command(`USER ${key.login}`)).toMatch(/^331 /)
      expect(await alice.command('PASS wrong')).toMatch(/^530 Login/)
    }
    using alice = await connectRaw(door.port)
    await secure(alice, { key: right.key, cert: right.cert })
    expect(await login(alice)).toMatch(/^230 /)
    await alice.command('PROT P')
    expect(await list(alice, {})).toMatch(/^226 /)
  })

  test('optional: who has none gets in, a wrong one is refused still', async () => {
    const authority = await makeCertificate(['clients.example'])
    const wrong = await makeCertificate(['mallory.example'])
    await using door = await start({ clientCertificates: () => ({ ca: authority.cert, required: false }) })
    using bare = await connectRaw(door.port)
    await secure(bare)
    expect(await login(bare)).toMatch(/^230 /)
    using mallory = await connectRaw(door.port)
    await secure(mallory, { key: wrong.key, cert: wrong.cert })
    expect(await login(mallory)).toMatch(/^530 Your certificate/)
  })
})

describe('the authority of client certificates', () => {
  test('a new one counts for connections that begin after it came, the old one for no more', async () => {
    const old = await makeCertificate(['clients.example'])
    const next = await makeCertificate(['clients.example'])
    const certificateOf = async (authority: typeof old) => {
      const { key, cert } = await makeCertificate(['alice.example'], authority)
      return { key, cert }
    }
    const authorities = { old: { ca: old.cert, required: true }, next: { ca: next.cert, required: true } }
    let now = authorities.old
    await using door = await start({ clientCertificates: () => now })
    const answerTo = async (authority: typeof old, servername?: string) => {
      using client = await connectRaw(door.port)
      await secure(client, { ...(await certificateOf(authority)), ...(servername && { servername }) })
      return await client.command(`USER ${key.login}`)
    }
    expect(await answerTo(old)).toMatch(/^331 /)
    expect(await answerTo(old, 'www.other.example')).toMatch(/^331 /)
    now = authorities.next
    expect(await answerTo(old)).toMatch(/^530 Your certificate/)
    expect(await answerTo(old, 'www.other.example')).toMatch(/^530 Your certificate/)
    expect(await answerTo(next)).toMatch(/^331 /)
  })
})

describe('behind a proxy', () => {
  test('PROXY comes first, then TLS by AUTH or at once, and the data belongs to the client that it names', async () => {
    for (const implicitTls of [false, true]) {
      const trustedProxies = ['127.0.0.1']
      await using door = await start({ implicitTls, proxyProtocol: true, trustedProxies })
      const plain = connectPlain(door.port, '127.0.0.1')
      plain.write('PROXY TCP4 127.0.0.1 127.0.0.1 4000 990\r\n')
      const first = implicitTls ? connect({ socket: plain, rejectUnauthorized: false }) : plain
      using client = createRawClient(first)
      expect(await client.reply()).toMatch(/^220 /)
      if (!implicitTls) await secure(client)
      expect(await login(client)).toMatch(/^230 /)
      await client.command('PROT P')
      expect(await list(client, {})).toMatch(/^226 /)
    }
  })
})
