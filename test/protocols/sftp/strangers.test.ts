import { randomBytes } from 'node:crypto'
import { connect as connectTcp, type Socket } from 'node:net'
import ssh2 from 'ssh2'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Gate } from '#credentials/gate.ts'
import { newKeyValue } from '#credentials/values.ts'
import { createAdmission } from '#protocols/sftp/admission.ts'
import { type SftpDoorOptions, startSftpDoor } from '#protocols/sftp/door.ts'
import { newHostKey } from '#protocols/sftp/host-key.ts'
import { createCore } from '#server/core.ts'
import { openDataFolder } from '#server/data-folder.ts'
import { startWorld, type World, type WorldKey } from '#test/world.ts'
import { str, u32 } from './bytes.ts'
import { connect } from './client.ts'
import { openWire, SSH } from './ssh-wire.ts'

/* Who is not logged in: what it costs, and whom it harms. Each test comes from addresses of its own. */

let world: World
let key: WorldKey
const hostKey = newHostKey()
const silent = { debug() {}, info() {}, warn() {}, error() {} }

beforeAll(async () => {
  world = await startWorld()
  key = await world.issue()
})
afterAll(() => world[Symbol.asyncDispose]())

async function ownDoor(more: Partial<SftpDoorOptions> = {}, gate: Gate = world.gate) {
  const listener = { address: '127.0.0.1', port: 0, siteId: null }
  const door = await startSftpDoor(gate, { listener, log: silent, hostKeys: [hostKey], ...more })
  return { ...door, [Symbol.asyncDispose]: () => door.stop(AbortSignal.abort()) }
}

function tcp(port: number, localAddress: string): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = connectTcp({ port, host: '127.0.0.1', localAddress }, () => resolve(socket))
    socket.on('error', () => undefined)
  })
}

/** All that the server says until it closes. */
function said(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
    })
    socket.on('close', () => resolve(text))
  })
}

const worksFrom = (port: number, localAddress: string, value = key.value) =>
  connect(port, { ...key, value }, { localAddress }).then(
    (client) => {
      client.end()
      return true
    },
    () => false,
  )

/** Tries wrong passwords in one connection until the server ends it; how many it answered. */
async function guess(port: number, localAddress: string): Promise<number> {
  const client = new ssh2.Client()
  let tries = 0
  await new Promise<void>((resolve) => {
    client.on('error', () => undefined)
    client.on('close', () => resolve())
    const authHandler: ssh2.AuthHandlerMiddleware = (_left, _partial, next) => {
      tries += 1
      next({ type: 'password', username: key.login, password: newKeyValue(key.id) })
    }
    const readyTimeout = 50_000
    client.connect({ host: '127.0.0.1', port, username: key.login, localAddress, authHandler, readyTimeout })
  })
  return tries
}

describe('penalties (check 17)', () => {
  test('6 wrong values end the connection and keep the address away for a while; others are unaffected', async () => {
    await using door = await ownDoor()
    expect(await guess(door.port, '127.0.0.17')).toBeGreaterThanOrEqual(6)
    expect(world.gate.heldOff('127.0.0.17')).toBeGreaterThan(0)
    expect(await said(await tcp(door.port, '127.0.0.17'))).toBe('Not allowed at this time\r\n')
    expect(await worksFrom(door.port, '127.0.0.18')).toBe(true)
    world.clock.advance(world.gate.heldOff('127.0.0.17'))
    expect(await worksFrom(door.port, '127.0.0.17')).toBe(true)
  }, 60_000)

  test('R2: an address that one node keeps away is kept away by the other node of the database', async () => {
    const { clock, folder } = world
    await using second = await openDataFolder(folder.path, { clock, create: false })
    await using other = await createCore(second, { clock, log: silent, revocationGrace: 30_000 })
    await using here = await ownDoor()
    await using there = await ownDoor({}, other.gate)
    expect(await guess(here.port, '127.0.0.22')).toBeGreaterThanOrEqual(6)
    await expect.poll(() => other.gate.heldOff('127.0.0.22'), { timeout: 20_000 }).toBeGreaterThan(0)
    expect(await said(await tcp(there.port, '127.0.0.22'))).toBe('Not allowed at this time\r\n')
    expect(await worksFrom(there.port, '127.0.0.23')).toBe(true)
    clock.advance(Math.max(world.gate.heldOff('127.0.0.22'), other.gate.heldOff('127.0.0.22')))
    expect(await worksFrom(there.port, '127.0.0.22')).toBe(true)
  }, 60_000)

  test('they grow, up to five minutes, and are forgotten after an hour', () => {
    const address = '192.0.2.40'
    const waits: number[] = []
    for (let i = 0; i < 30; i++) {
      world.gate.offended(address, 1)
      waits.push(world.gate.heldOff(address))
    }
    expect(waits.slice(0, 10)).toEqual(Array(10).fill(0))
    for (let i = 11; i < 18; i++) expect(waits[i]).toBeGreaterThan(waits[i - 1] ?? 0)
    expect(waits.at(-1)).toBeGreaterThan(299_000)
    expect(waits.at(-1)).toBeLessThanOrEqual(300_000)
    world.clock.advance(3_600_000)
    expect(world.gate.heldOff(address)).toBe(0)
  })

  test('R2: an address that somebody logged in from is never kept away', async () => {
    await using door = await ownDoor()
    expect(await worksFrom(door.port, '127.0.0.19')).toBe(true)
    for (let i = 0; i < 100; i++) world.gate.offended('127.0.0.19', 5)
    expect(world.gate.heldOff('127.0.0.19')).toBe(0)
    expect(await worksFrom(door.port, '127.0.0.19')).toBe(true)
  })

  test('the address of IPv6 is its /64', () => {
    world.gate.offended('2001:db8:0:1::1', 20)
    expect(world.gate.heldOff('2001:db8:0:1:ffff::2')).toBeGreaterThan(0)
    expect(world.gate.heldOff('2001:db8:0:2::1')).toBe(0)
  })

  test('who lets the grace time pass is counted, and so are bytes that are no SSH', async () => {
    await using door = await ownDoor({ loginGraceMs: 100 })
    const late = '127.0.0.20'
    for (let i = 0; i < 6; i++) await said(await tcp(door.port, late))
    expect(world.gate.heldOff(late)).toBeGreaterThan(0)
    const garbled = '127.0.0.21'
    for (let i = 0; i < 12 && world.gate.heldOff(garbled) === 0; i++) {
      const socket = await tcp(door.port, garbled)
      socket.write(Buffer.concat([Buffer.from('SSH-2.0-x\r\n'), Buffer.alloc(64, 0xff)]))
      await said(socket)
    }
    expect(world.gate.heldOff(garbled)).toBeGreaterThan(0)
  })
})

describe('places of strangers', () => {
  test('when all are taken, the longest waiting of the address that has most has to go', () => {
    const admission = createAdmission(2_000)
    const evicted: string[] = []
    const enter = (address: string, name: string) => admission.enter(address, () => evicted.push(name))
    for (let from = 0; from < 8; from++) {
      for (let i = 0; i < 31; i++) enter(`192.0.2.${from}`, `${from} ${i}`)
    }
    enter('192.0.2.3', '3 31')
    for (let i = 0; i < 7; i++) enter('198.51.100.1', `other ${i}`)
    expect(evicted).toEqual([])
    expect(enter('203.0.113.1', 'owner')).not.toBeNull()
    expect(evicted).toEqual(['3 0'])
    enter('203.0.113.2', 'another')
    expect(evicted).toEqual(['3 0', '0 0'])
  })

  test('one address takes 32, one IPv6 network as many; who logged in or left gives the place back once', () => {
    const admission = createAdmission(2_000)
    const places = Array.from({ length: 32 }, (_, i) => admission.enter(`2001:db8::${i}`, () => undefined))
    expect(admission.enter('2001:db8::ffff', () => undefined)).toBeNull()
    expect(admission.enter('2001:db8:0:1::1', () => undefined)).not.toBeNull()
    places[0]?.known()
    places[0]?.left()
    expect(admission.enter('2001:db8::ffff', () => undefined)).not.toBeNull()
    expect(admission.enter('2001:db8::fffe', () => undefined)).toBeNull()
  })

  test('a flood of silent connections from many addresses keeps nobody out', async () => {
    await using door = await ownDoor()
    const flood: Socket[] = []
    for (let from = 0; from < 12; from++) {
      for (let i = 0; i < 30; i++) flood.push(await tcp(door.port, `127.0.1.${from + 1}`))
    }
    expect(await worksFrom(door.port, '127.0.0.30')).toBe(true)
    expect(await worksFrom(door.port, '127.0.0.31')).toBe(true)
    for (const socket of flood) socket.destroy()
  })
})

describe('hostile handshakes (check 24)', () => {
  const isAlive = async (port: number) => expect(await worksFrom(port, '127.0.0.1')).toBe(true)

  test('1,600 mutated KEXINITs and exchange messages end their own connection at most', async () => {
    await using door = await ownDoor({ maxConnections: 4_000 })
    await isAlive(door.port)
    for (let round = 0; round < 100; round++) {
      await Promise.all(Array.from({ length: 16 }, (_, i) => mutate(door.port, round * 16 + i)))
    }
    await isAlive(door.port)
  }, 120_000)

  async function mutate(port: number, seed: number): Promise<void> {
    using wire = await openWire(port)
    await wire.negotiate().catch(() => undefined)
    const { own } = wire.kexInits()
    const first = Buffer.concat([
      Buffer.from([seed % 3 === 0 ? SSH.kexInit : 30]),
      str(randomBytes(seed % 80)),
    ])
    const bent = Buffer.from(seed % 2 === 0 ? own : first)
    for (let i = 0; i <= seed % 5; i++) bent[(seed * 31 + i * 7) % bent.length] = (seed * 17 + i) & 0xff
    wire.send(seed % 7 === 0 ? bent.subarray(0, seed % bent.length) : bent)
    wire.send(Buffer.concat([Buffer.from([seed & 0xff]), u32(0xffffffff), randomBytes(seed % 40)]))
    await Promise.race([wire.ended, new Promise((resolve) => setTimeout(resolve, 20))])
  }

  test('packets that are too long, too short or unpadded end the connection', async () => {
    await using door = await ownDoor()
    await isAlive(door.port)
    for (const head of [0, 1, 7, 9, 35_001, 0x7fffffff, 0xffffffff]) {
      using wire = await openWire(door.port)
      wire.raw(Buffer.concat([u32(head), Buffer.alloc(64)]))
      await wire.ended
    }
    await isAlive(door.port)
  })

  test('an identification without end, and lines before it, end the connection', async () => {
    await using door = await ownDoor()
    for (const text of [
      `SSH-2.0-${'x'.repeat(20_000)}`,
      'hello\r\nSSH-2.0-x\r\n',
      'SSH-1.99-x\r\n\r\n',
      '\0\0\0\0\n',
    ]) {
      const socket = await tcp(door.port, '127.0.0.41')
      socket.write(text)
      const heard = await Promise.race([
        said(socket),
        new Promise((resolve) => setTimeout(resolve, 1_000, 'open')),
      ])
      expect(heard, text.slice(0, 20)).not.toMatch(/publickey/)
      socket.destroy()
    }
    await isAlive(door.port)
  })

  test('authentication and channels before the keys end the connection', async () => {
    await using door = await ownDoor()
    await isAlive(door.port)
    for (const type of [5, 50, 61, 80, 90, 94, 98]) {
      using wire = await openWire(door.port)
      await wire.negotiate()
      wire.send(Buffer.concat([Buffer.from([type]), str('ssh-userauth'), str('x'), u32(0)]))
      await wire.ended
    }
    await isAlive(door.port)
  })

  test('a client that exchanges keys again and again before it logs in is cut', async () => {
    await using door = await ownDoor()
    const client = new ssh2.Client()
    let exchanges = 0
    const ended = new Promise<void>((resolve) => {
      client.on('close', () => resolve())
      client.on('error', () => undefined)
    })
    client.on('handshake', () => {
      exchanges += 1
      Reflect.get(client, '_protocol').rekey()
    })
    const authHandler: ssh2.AuthHandlerMiddleware = () => undefined
    client.connect({
      host: '127.0.0.1',
      port: door.port,
      username: 'x',
      localAddress: '127.0.0.42',
      authHandler,
    })
    await ended
    expect(exchanges).toBeLessThanOrEqual(5)
    await isAlive(door.port)
  })

  test('channels before the login are refused', async () => {
    await using door = await ownDoor()
    const client = new ssh2.Client()
    client.on('error', () => undefined)
    const failure = await new Promise<unknown>((resolve) => {
      client.on('close', () => resolve('closed'))
      client.on('handshake', () => {
        const protocol = Reflect.get(client, '_protocol')
        Reflect.get(protocol, '_handlers').CHANNEL_OPEN_FAILURE = (_: unknown, _id: number, reason: number) =>
          resolve(reason)
        protocol.session(0, 1_000_000, 32_768)
      })
      client.connect({ host: '127.0.0.1', port: door.port, username: 'x', authHandler: () => undefined })
    })
    expect([1, 'closed']).toContain(failure)
    client.destroy()
  })
})
