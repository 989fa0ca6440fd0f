import { once } from 'node:events'
import { readdir, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type FtpDoorOptions, startFtpDoor } from '#protocols/ftp/door.ts'
import type { RunningDoor } from '#protocols/protocol.ts'
import { startWorld, type World, type WorldKey } from '#test/world.ts'
import { connectRaw, createRawClient, loginRaw } from './raw-client.ts'
import { until } from './waiting.ts'

const MIB = 1024 * 1024
const errors: string[] = []
const log = { debug() {}, info() {}, warn() {}, error: (_: object, text: string) => void errors.push(text) }

let world: World
let key: WorldKey

beforeAll(async () => {
  world = await startWorld()
  key = await world.issue()
  await writeFile(join(world.root, 'big'), Buffer.alloc(64 * MIB))
})

afterAll(() => world[Symbol.asyncDispose]())

async function start(options: Partial<FtpDoorOptions> = {}): Promise<RunningDoor & AsyncDisposable> {
  const listener = { address: '127.0.0.1', port: 0, siteId: null }
  const common = { listener, log, passivePorts: 'any' as const, wrongLoginDelayMs: 5 }
  const door = await startFtpDoor(world.gate, { ...common, ...options })
  return { ...door, [Symbol.asyncDispose]: () => door.stop(AbortSignal.abort()) }
}

test('1,000 idle control connections are held, and time out cleanly (check 13)', async () => {
  await using door = await start({ idleMs: 4000, loginGraceMs: 60_000, maxConnectionsPerAddress: 1000 })
  const clients: Awaited<ReturnType<typeof connectRaw>>[] = []
  for (let batch = 0; batch < 10; batch++) {
    clients.push(...(await Promise.all(Array.from({ length: 100 }, () => connectRaw(door.port)))))
  }
  const surplus = createRawClient(connect(door.port, '127.0.0.1'))
  expect(await surplus.reply()).toMatch(/^421 Too many/)
  const words = await Promise.all(clients.map((client) => client.reply()))
  expect(words.every((word) => word.startsWith('421 Nothing came'))).toBe(true)
  await Promise.all(clients.map((client) => client.closed))
  using again = await loginRaw(door.port, key)
  expect(await again.command('NOOP')).toMatch(/^200 /)
}, 60_000)

test('a client that reads no replies and sends no end of commands holds little memory', async () => {
  await using door = await start()
  const client = connect(door.port, '127.0.0.1')
  client.on('error', () => {})
  await once(client, 'connect')
  client.pause()
  const chunk = Buffer.from('HELP\r\n'.repeat(1000))
  const before = process.memoryUsage().rss
  for (let i = 0; i < 2000 && !client.destroyed && client.writable; i++) {
    if (!client.write(chunk))
      await Promise.race([once(client, 'drain'), once(client, 'close')]).catch(() => [])
  }
  expect(process.memoryUsage().rss - before).toBeLessThan(200 * MIB)
  // The server has given up: what it had answered until then comes, and the end.
  const ended = once(client, 'close').catch(() => [])
  client.resume()
  await ended
  expect(client.bytesRead).toBeLessThan(8 * MIB)
  client.destroy()
})

describe('slow ends', () => {
  test('a client that reads nothing of a download is cut after the idle time, and the rest is not read', async () => {
    await using door = await start({ idleMs: 300 })
    using client = await loginRaw(door.port, key)
    const data = await client.openData()
    data.pause()
    expect(await client.command('RETR big')).toMatch(/^150 /)
    expect(await client.command('STAT')).toMatch(/^213 RETR: \d+ bytes/)
    expect(await client.reply()).toMatch(/^426 /)
    data.destroy()
  })

  test('an upload faster than the disk is held back', async () => {
    await using door = await start()
    using client = await loginRaw(door.port, key)
    const data = await client.openData()
    expect(await client.command('STOR fast')).toMatch(/^150 /)
    const block = Buffer.alloc(MIB)
    for (let i = 0; i < 96; i++) {
      if (!data.write(block)) await once(data, 'drain')
    }
    data.end()
    expect(await client.reply()).toMatch(/^226 /)
    expect(process.memoryUsage().arrayBuffers).toBeLessThan(128 * MIB)
  })
})

const VERBS =
  'USER PASS AUTH PBSZ PROT FEAT OPTS HOST CLNT SYST NOOP HELP TYPE MODE STRU ALLO PWD CWD CDUP PASV EPSV PORT EPRT REST RETR STOR STOU APPE LIST NLST MLSD MLST SIZE MDTM MFMT DELE MKD RMD RNFR RNTO ABOR STAT HASH RANG XMD5 AVBL SITE'
const argument = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom('', '/', '..', '../../etc/passwd', '-la /', '1 2', '20260101000000 x', 'a'.repeat(4000)),
  fc.nat().map(String),
)
const line = fc
  .tuple(fc.constantFrom(...VERBS.split(' ')), argument)
  .map(([verb, text]) => `${verb} ${text}\r\n`)
const bytes = fc.uint8Array({ maxLength: 300 }).map((some) => Buffer.from(some))

test('hostile lines and bytes, whole and cut anywhere, harm neither the server nor another session', async () => {
  await using door = await start({ maxConnectionsPerAddress: 1000, idleMs: 5000, dataConnectMs: 50 })
  using other = await loginRaw(door.port, key)
  const login = `USER ${key.login}\r\nPASS ${key.value}\r\n`
  const before = (await readdir(world.root)).length
  const storm = fc.tuple(
    fc.boolean(),
    fc.array(
      fc.oneof(
        line.map((text) => Buffer.from(text)),
        bytes,
      ),
      { maxLength: 25 },
    ),
  )
  await fc.assert(
    fc.asyncProperty(storm, async ([loggedIn, pieces]) => {
      const client = connect(door.port, '127.0.0.1')
      client.on('error', () => {})
      client.resume()
      await once(client, 'connect')
      if (loggedIn) client.write(login)
      for (const piece of pieces) if (client.writable) client.write(piece)
      client.end()
      await until(() => client.destroyed, 15_000)
      expect(await other.command('NOOP')).toMatch(/^200 /)
    }),
    { numRuns: 60, seed: 20_261_122 },
  )
  expect(errors).toEqual([])
  expect((await readdir(world.root)).length).toBeGreaterThanOrEqual(before - 1)
}, 90_000)
