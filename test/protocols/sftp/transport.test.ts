import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { connect as connectTcp, type Socket } from 'node:net'
import { join } from 'node:path'
import ssh2, { type CipherAlgorithm, type ConnectConfig, type KexAlgorithm } from 'ssh2'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type SftpDoorOptions, startSftpDoor } from '#protocols/sftp/door.ts'
import { newHostKey } from '#protocols/sftp/host-key.ts'
import { startWorld, type World, type WorldKey } from '#test/world.ts'
import { connect, handleOf, NEW, openRaw, request, statusOf } from './client.ts'

let world: World
let key: WorldKey
let port: number
const hostKey = newHostKey()
const silent = { debug() {}, info() {}, warn() {}, error() {} }

beforeAll(async () => {
  world = await startWorld()
  key = await world.issue()
  port = (await world.start('sftp')).port
})
afterAll(() => world[Symbol.asyncDispose]())

/** A door with settings of its own. */
async function ownDoor(more: Partial<SftpDoorOptions>) {
  const listener = { address: '127.0.0.1', port: 0, siteId: null }
  const door = await startSftpDoor(world.gate, { listener, log: silent, hostKeys: [hostKey], ...more })
  return { ...door, [Symbol.asyncDispose]: () => door.stop(AbortSignal.abort()) }
}

function tcp(to: number): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = connectTcp(to, '127.0.0.1', () => resolve(socket))
    socket.on('error', () => undefined)
    socket.resume()
  })
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) resolve()
    else socket.on('close', () => resolve())
  })
}

async function works(login: Promise<ssh2.Client>): Promise<boolean> {
  try {
    const client = await login
    client.end()
    return true
  } catch {
    return false
  }
}

describe('logging in', () => {
  test('D1: @api-<id>, @api-<name> and api-<id> with the value open the door', async () => {
    for (const login of [key.login, `@api-${key.name}`, key.login.slice(1)]) {
      expect(await works(connect(port, { ...key, login })), login).toBe(true)
    }
  })

  test('a wrong value, an unknown key and a disabled key are refused', async () => {
    const disabled = await world.issue()
    await world.disable(disabled.id)
    for (const login of [
      { ...key, value: `${key.value}x` },
      { ...key, login: '@api-nobody' },
      disabled,
      { ...key, value: '' },
    ]) {
      expect(await works(connect(port, login))).toBe(false)
    }
  })

  test('keyboard-interactive takes the value as the answer', async () => {
    const config: ConnectConfig = { tryKeyboard: true, authHandler: ['keyboard-interactive'] }
    const ask = (value: string) => {
      const client = new ssh2.Client()
      client.on('keyboard-interactive', (_name, _text, _lang, prompts, answer) => {
        expect(prompts).toMatchObject([{ prompt: 'Password: ', echo: false }])
        answer([value])
      })
      return new Promise<boolean>((resolve) => {
        client.on('ready', () => resolve(true))
        client.on('error', () => resolve(false))
        client.connect({ host: '127.0.0.1', port, username: key.login, ...config })
      }).finally(() => client.destroy())
    }
    expect(await ask(key.value)).toBe(true)
    expect(await ask('wrong')).toBe(false)
  })

  test('none and public keys are answered with the methods that there are', async () => {
    const offered: unknown[] = []
    const client = new ssh2.Client()
    const methods: ssh2.AnyAuthMethod[] = [
      { type: 'none', username: key.login },
      { type: 'publickey', username: key.login, key: newHostKey() },
      { type: 'password', username: key.login, password: key.value },
    ]
    await new Promise<void>((resolve, reject) => {
      client.on('ready', resolve)
      client.on('error', reject)
      const authHandler: ssh2.AuthHandlerMiddleware = (left, _partial, next) => {
        offered.push(left)
        const method = methods[offered.length - 1]
        if (method) next(method)
      }
      client.connect({ host: '127.0.0.1', port, username: key.login, authHandler })
    })
    client.destroy()
    const all = ['publickey', 'password', 'keyboard-interactive']
    expect(offered).toEqual([null, all, all])
  })

  test('after 6 wrong values the connection ends (check 17)', async () => {
    const client = new ssh2.Client()
    let tries = 0
    await new Promise<void>((resolve) => {
      client.on('error', () => undefined)
      client.on('close', resolve)
      const authHandler: ssh2.AuthHandlerMiddleware = (_left, _partial, next) => {
        tries += 1
        next({ type: 'password', username: key.login, password: `wrong ${tries}` })
      }
      const readyTimeout = 50_000
      client.connect({ host: '127.0.0.1', port, username: key.login, authHandler, readyTimeout })
    })
    // The client is told that the sixth is refused, and may have asked for a seventh.
    expect(tries).toBeGreaterThanOrEqual(6)
    expect(tries).toBeLessThanOrEqual(7)
    expect(await works(connect(port, key))).toBe(true)
  }, 60_000)
})

describe('who does not log in', () => {
  test('is disconnected in the grace time, silent or slow (check 26)', async () => {
    await using door = await ownDoor({ loginGraceMs: 300 })
    const mute = await tcp(door.port)
    const slow = await tcp(door.port)
    const dripping = setInterval(() => slow.write('S'), 50)
    await Promise.all([closed(mute), closed(slow)])
    clearInterval(dripping)
    const client = await connect(door.port, key)
    await new Promise((resolve) => setTimeout(resolve, 500))
    const stillThere = await new Promise<boolean>((resolve) => {
      client.subsys('sftp', (error) => resolve(error === undefined))
    })
    expect(stillThere).toBe(true)
    client.destroy()
  })

  test('cannot take more than 32 places from one address; those who are in stay', async () => {
    await using door = await ownDoor({})
    using raw = await openRaw(door.port, key)
    const mute = await Promise.all(Array.from({ length: 32 }, () => tcp(door.port)))
    const late = await tcp(door.port)
    await closed(late)
    expect((await raw.ask(request.stat('/'))).type).toBe(105)
    for (const socket of mute) socket.destroy()
    await Promise.all(mute.map(closed))
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(await works(connect(door.port, key))).toBe(true)
  })

  test('maxConnections is kept', async () => {
    await using door = await ownDoor({ maxConnections: 1 })
    using raw = await openRaw(door.port, key)
    expect(await works(connect(door.port, key))).toBe(false)
    expect((await raw.ask(request.stat('/'))).type).toBe(105)
  })
})

describe('what SSH offers', () => {
  test.each<CipherAlgorithm>([
    'aes128-gcm@openssh.com',
    'aes256-gcm@openssh.com',
    'chacha20-poly1305@openssh.com',
    'aes128-ctr',
    'aes192-ctr',
    'aes256-ctr',
  ])('%s carries data both ways', (cipher) => carries({ cipher: [cipher] }))

  test.each<KexAlgorithm>(['curve25519-sha256', 'curve25519-sha256@libssh.org', 'ecdh-sha2-nistp256'])(
    '%s agrees on keys',
    (kex) => carries({ kex: [kex] }),
  )

  async function carries(algorithms: ConnectConfig['algorithms']): Promise<void> {
    const client = await connect(port, key, algorithms ? { algorithms } : {})
    const bytes = randomBytes(300_000)
    const sftp = await new Promise<ssh2.SFTPWrapper>((resolve, reject) => {
      client.sftp((error, opened) => (error ? reject(error) : resolve(opened)))
    })
    await new Promise<void>((resolve, reject) => {
      sftp.writeFile('/carried', bytes, (error) => (error ? reject(error) : resolve()))
    })
    const back = await new Promise<Buffer>((resolve, reject) => {
      sftp.readFile('/carried', (error, data) => (error ? reject(error) : resolve(data)))
    })
    client.end()
    expect(back.equals(bytes)).toBe(true)
  }

  test.each([
    ['kex', ['diffie-hellman-group14-sha1']],
    ['kex', ['diffie-hellman-group-exchange-sha256']],
    ['hmac', ['hmac-sha1']],
    ['compress', ['zlib']],
    ['cipher', ['aes128-cbc']],
  ])('%s %j is not offered', async (kind, names) => {
    const cipher = kind === 'hmac' ? { cipher: ['aes128-ctr'] as CipherAlgorithm[] } : {}
    expect(await works(connect(port, key, { algorithms: { ...cipher, [kind]: names } }))).toBe(false)
  })

  test('commands, shells, terminals, forwarding and other subsystems are refused (checks 14, 15)', async () => {
    const client = await connect(port, key)
    const refused = (start: (done: (error: Error | undefined) => void) => void) =>
      new Promise<boolean>((resolve) => start((error) => resolve(error !== undefined)))
    expect(await refused((done) => client.exec('id', done))).toBe(true)
    expect(await refused((done) => client.exec('id', { pty: true }, done))).toBe(true)
    expect(await refused((done) => client.shell(done))).toBe(true)
    expect(await refused((done) => client.subsys('netconf', done))).toBe(true)
    expect(await refused((done) => client.forwardOut('127.0.0.1', 1, '127.0.0.1', 22, done))).toBe(true)
    expect(await refused((done) => client.forwardIn('127.0.0.1', 0, done))).toBe(true)
    client.end()
  })

  test('at most 10 sessions run in one connection', async () => {
    const client = await connect(port, key)
    const open = () =>
      new Promise<boolean>((resolve) => client.subsys('sftp', (error) => resolve(error === undefined)))
    const opened = await Promise.all(Array.from({ length: 12 }, open))
    expect(opened.filter(Boolean)).toHaveLength(10)
    client.end()
  })

  test('the door exchanges keys anew in the middle of an upload without a byte lost', async () => {
    await using door = await ownDoor({ rekeyBytes: 1_000_000 })
    using raw = await openRaw(door.port, key)
    const chunk = randomBytes(250_000)
    const handle = handleOf(await raw.ask(request.open('/rekeyed', NEW)))
    let exchanges = 0
    raw.client.on('handshake', () => {
      exchanges += 1
    })
    let written = 0
    while (exchanges < 2) {
      for (let i = 0; i < 8; i++) {
        raw.send(request.write(handle, BigInt(written), chunk))
        written += chunk.length
      }
      for (let i = 0; i < 8; i++) expect(statusOf(await raw.next())).toBe(0)
    }
    expect(statusOf(await raw.ask(request.close(handle)))).toBe(0)
    const bytes = await readFile(join(world.root, 'rekeyed'))
    expect(bytes.length).toBe(written)
    for (let at = 0; at < written; at += chunk.length) {
      if (!bytes.subarray(at, at + chunk.length).equals(chunk)) throw new Error(`other bytes at ${at}`)
    }
  })
})

describe('stopping', () => {
  test('idle connections end at once, and a running upload may finish', async () => {
    await using door = await ownDoor({})
    using idle = await openRaw(door.port, key)
    using busy = await openRaw(door.port, key)
    const handle = handleOf(await busy.ask(request.open('/drained', NEW)))
    const stopped = door.stop(AbortSignal.timeout(10_000))
    await idle.ended
    expect(statusOf(await busy.ask(request.write(handle, 0n, 'whole')))).toBe(0)
    expect(statusOf(await busy.ask(request.close(handle)))).toBe(0)
    await stopped
    expect(await readFile(join(world.root, 'drained'), 'utf8')).toBe('whole')
    expect(await works(connect(door.port, key))).toBe(false)
  })

  test('what runs longer than the deadline is cut and leaves the old file intact', async () => {
    await writeFile(join(world.root, 'cut'), 'old')
    await using door = await ownDoor({})
    using busy = await openRaw(door.port, key)
    const handle = handleOf(await busy.ask(request.open('/cut', NEW)))
    await busy.ask(request.write(handle, 0n, 'half'))
    await door.stop(AbortSignal.timeout(100))
    await busy.ended
    expect(await readFile(join(world.root, 'cut'), 'utf8')).toBe('old')
  })

  test('a port that is taken is told as node does; a host key that cannot be read as well', async () => {
    const listener = { address: '127.0.0.1', port, siteId: null }
    await expect(ownDoor({ listener })).rejects.toMatchObject({ code: 'EADDRINUSE' })
    await expect(ownDoor({ hostKeys: ['no key'] })).rejects.toThrow('host key cannot be read')
  })
})
