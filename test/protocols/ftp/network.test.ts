import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type FtpDoorOptions, startFtpDoor } from '#protocols/ftp/door.ts'
import { externalAddressFor } from '#protocols/ftp/external.ts'
import type { RunningDoor } from '#protocols/protocol.ts'
import { startWorld, type World, type WorldKey } from '#test/world.ts'
import { createRawClient, loginRaw, type RawClient, readAll } from './raw-client.ts'

let world: World
let key: WorldKey
const log = { debug() {}, info() {}, warn() {}, error() {} }

beforeAll(async () => {
  world = await startWorld()
  key = await world.issue()
})

afterAll(() => world[Symbol.asyncDispose]())

type Options = Partial<Omit<FtpDoorOptions, 'listener'>> & { address?: string; proxyProtocol?: boolean }

async function start(options: Options = {}): Promise<RunningDoor & AsyncDisposable> {
  const { address = '127.0.0.1', proxyProtocol = false, ...rest } = options
  const listener = { address, port: 0, siteId: null, proxyProtocol }
  const door = await startFtpDoor(world.gate, { listener, log, passivePorts: 'any', ...rest })
  return { ...door, [Symbol.asyncDispose]: () => door.stop(AbortSignal.abort()) }
}

/** Logged in, as the client at `from` that a trusted proxy on this machine names. */
async function loginFrom(door: RunningDoor, from: string): Promise<RawClient> {
  const socket = connect(door.port, '127.0.0.1')
  socket.write(`PROXY TCP4 ${from} 127.0.0.1 4000 21\r\n`)
  const client = createRawClient(socket)
  await client.reply()
  await client.command(`USER ${key.login}`)
  expect(await client.command(`PASS ${key.value}`)).toMatch(/^230 /)
  return client
}

describe('behind NAT', () => {
  test('PASV tells the address for the client: of its network, else the general one, on this machine our own', async () => {
    await using door = await start({
      proxyProtocol: true,
      trustedProxies: ['127.0.0.1'],
      externalAddress: '203.0.113.7',
      externalAddresses: [
        { network: '10.1.0.0/16', address: '10.1.0.5' },
        { network: '10.0.0.0/8', address: 'localhost' },
      ],
    })
    for (const [from, told] of [
      ['192.0.2.1', '203,0,113,7'],
      ['10.1.2.3', '10,1,0,5'],
      ['10.2.0.1', '127,0,0,1'],
      ['127.0.0.1', '127,0,0,1'],
    ] as const) {
      using client = await loginFrom(door, from)
      expect(await client.command('PASV'), from).toContain(`(${told},`)
      expect(await client.command('EPSV')).toMatch(/^229 .*\(\|\|\|\d+\|\)$/)
    }
  })

  test('a name that has no address is a failed PASV and nothing worse', async () => {
    const options = { proxyProtocol: true, trustedProxies: ['127.0.0.1'] }
    await using door = await start({ ...options, externalAddress: 'nowhere.invalid' })
    using client = await loginFrom(door, '192.0.2.1')
    expect(await client.command('PASV')).toMatch(/^425 /)
    expect(await client.command('EPSV')).toMatch(/^229 /)
  })

  test('networks: IPv6 ones too, the first that fits, null when there is nothing to tell', () => {
    const networks = [
      { network: '2001:db8::/32', address: 'a' },
      { network: '0.0.0.0/0', address: 'b' },
    ]
    expect(externalAddressFor(networks, null)('2001:db8::1')).toBe('a')
    expect(externalAddressFor(networks, null)('192.0.2.1')).toBe('b')
    expect(externalAddressFor(networks, null)('2001:db9::1')).toBeNull()
    expect(externalAddressFor([], 'c')('192.0.2.1')).toBe('c')
  })
})

describe('active mode', () => {
  test('is off on public listeners unless the configuration says otherwise, on loopback the other way', async () => {
    for (const [options, answer] of [
      [{ address: '0.0.0.0', requireTls: false }, /^502 /],
      [{ address: '0.0.0.0', requireTls: false, allowActive: true }, /^200 /],
      [{}, /^200 /],
      [{ allowActive: false }, /^502 /],
    ] as const) {
      await using door = await start(options)
      using client = await loginRaw(door.port, key)
      expect(await client.command('PORT 127,0,0,1,200,1')).toMatch(answer)
      expect(await client.command('EPRT |1|127.0.0.1|51201|')).toMatch(answer)
      expect((await client.command('FEAT')).includes('EPRT')).toBe(answer.source.includes('200'))
    }
  })
})

const hasIpv6 = Object.values(networkInterfaces()).some((list) =>
  list?.some(({ address }) => address === '::1'),
)

describe.runIf(hasIpv6)('IPv6', () => {
  async function login6(door: RunningDoor): Promise<RawClient> {
    const client = createRawClient(connect(door.port, '::1'))
    await client.reply()
    await client.command(`USER ${key.login}`)
    expect(await client.command(`PASS ${key.value}`)).toMatch(/^230 /)
    return client
  }

  test('EPSV and EPRT work, PASV and PORT cannot', async () => {
    await writeFile(join(world.root, 'six'), 'six')
    await using door = await start({ address: '::1' })
    using client = await login6(door)
    expect(await client.command('PASV')).toMatch(/^425 /)
    expect(await client.command('EPSV 1')).toMatch(/^522 .*\(2\)/)
    const port = Number(/\|\|\|(\d+)\|/.exec(await client.command('EPSV 2'))?.[1])
    const data = connect(port, '::1')
    await once(data, 'connect')
    expect(await client.command('RETR six')).toMatch(/^150 /)
    expect((await readAll(data)).toString()).toBe('six')
    expect(await client.reply()).toMatch(/^226 /)
    expect(await client.command('EPRT |1|127.0.0.1|50000|')).toMatch(/^500 /)
    expect(await client.command('EPRT |2|::1|50000|')).toMatch(/^200 /)
    expect(await client.command('EPRT |2|2001:db8::1|50000|')).toMatch(/^500 /)
  })
})
