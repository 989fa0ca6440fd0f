import { randomBytes, randomInt } from 'node:crypto'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { Agent, get as httpGet, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { transmit } from '#files/mounts/local/transmit.ts'
import type { RunningDoor } from '#protocols/protocol.ts'
import { startWorld, type World, type WorldKey } from '#test/world.ts'
import { download, loginRaw, readAll, upload } from './ftp/raw-client.ts'
import { filesBelow, until } from './ftp/waiting.ts'
import { kernelMounts, type Moves } from './kernel-mounts.ts'

const MIB = 1024 * 1024
const EVERY: readonly Moves[] = ['all', 'nothing', 'little', 'now and then']
const WAYS = transmit === null ? EVERY.filter((moves) => moves === 'nothing') : EVERY

describe.each(WAYS)('long transfers of which the kernel moves %s', (moves) => {
  const { openMount, moved } = kernelMounts(moves)
  const content = randomBytes(5 * MIB + 13)
  let world: World
  let key: WorldKey
  let ftp: RunningDoor
  let webdav: RunningDoor

  beforeAll(async () => {
    world = await startWorld({ openMount })
    key = await world.issue()
    ftp = await world.start('ftp')
    webdav = await world.start('webdav')
    await writeFile(join(world.root, 'long'), content)
  })

  afterAll(async () => {
    await world[Symbol.asyncDispose]()
    if (moves === 'nothing') expect(moved).toEqual({ sent: 0, received: 0 })
    else expect(Math.min(moved.sent, moved.received)).toBeGreaterThan(MIB)
  })

  const published = (name: string) => readFile(join(world.root, name))

  test('FTP: a download is what was stored, all of it and from a position on', async () => {
    using client = await loginRaw(ftp.port, key)
    expect((await download(client, 'RETR long')).equals(content)).toBe(true)
    await client.command('REST 1234567')
    expect((await download(client, 'RETR long')).equals(content.subarray(1234567))).toBe(true)
    await client.command('RANG 1000 3000000')
    expect((await download(client, 'RETR long')).equals(content.subarray(1000, 3000001))).toBe(true)
  })

  test('FTP: a client that reads slowly gets all, and others are served meanwhile', async () => {
    using slow = await loginRaw(ftp.port, key)
    using other = await loginRaw(ftp.port, key)
    const big = randomBytes(24 * MIB)
    await writeFile(join(world.root, 'big'), big)
    const data = await slow.openData()
    await slow.command('RETR big')
    await sleep(50)
    expect(await other.command('NOOP')).toMatch(/^200 /)
    expect((await readAll(data)).equals(big)).toBe(true)
    expect(await slow.reply()).toMatch(/^226 /)
  })

  test('FTP: an upload that comes in odd pieces is whole', async () => {
    using client = await loginRaw(ftp.port, key)
    const data = await client.openData()
    expect(await client.command('STOR pieces')).toMatch(/^150 /)
    for (let at = 0; at < content.length; ) {
      const piece = content.subarray(at, at + randomInt(1, 400_000))
      await new Promise<void>((resolve) => data.write(piece, () => resolve()))
      if (randomInt(4) === 0) await sleep(2)
      at += piece.length
    }
    data.end()
    expect(await client.reply()).toMatch(/^226 /)
    expect((await published('pieces')).equals(content)).toBe(true)
  })

  test('FTP: uploads at the same time are whole, appended and resumed ones too', async () => {
    const some = Array.from({ length: 4 }, () => randomBytes(3 * MIB + randomInt(1000)))
    const puts = some.map(async (bytes, at) => {
      using client = await loginRaw(ftp.port, key)
      const half = randomInt(bytes.length)
      expect(await upload(client, `STOR one-${at}`, bytes.subarray(0, half))).toMatch(/^226 /)
      if (at % 2 === 0) await client.command(`REST ${half}`)
      const verb = at % 2 === 0 ? 'STOR' : 'APPE'
      expect(await upload(client, `${verb} one-${at}`, bytes.subarray(half))).toMatch(/^226 /)
      expect((await published(`one-${at}`)).equals(bytes)).toBe(true)
    })
    await Promise.all(puts)
  })

  test('FTP: an upload whose data connection is reset anywhere is not published', async () => {
    await writeFile(join(world.root, 'kept'), 'old')
    for (let round = 0; round < 12; round++) {
      using client = await loginRaw(ftp.port, key)
      const data = await client.openData()
      expect(await client.command('STOR kept')).toMatch(/^150 /)
      data.write(content.subarray(0, randomInt(1, content.length)))
      await sleep(randomInt(30))
      data.resetAndDestroy()
      expect(await client.reply()).toMatch(/^426 /)
    }
    expect((await published('kept')).toString()).toBe('old')
    await until(async () => (await filesBelow(join(world.root, '.latchkey'))).length === 0)
  })

  test('FTP: line ends are converted in long files too', async () => {
    using client = await loginRaw(ftp.port, key)
    const lines = 'a line\n'.repeat(200_000)
    const network = Buffer.from(lines.replaceAll('\n', '\r\n'))
    await client.command('TYPE A')
    expect(await upload(client, 'STOR lines', network)).toMatch(/^226 /)
    expect((await published('lines')).toString() === lines).toBe(true)
    expect((await download(client, 'RETR lines')).equals(network)).toBe(true)
  })

  test('FTP: a key that is disabled ends both ways at once', async () => {
    const doomed = await world.issue()
    using client = await loginRaw(ftp.port, doomed)
    using sender = await loginRaw(ftp.port, doomed)
    await writeFile(join(world.root, 'huge'), Buffer.alloc(64 * MIB))
    const incoming = await client.openData()
    await client.command('RETR huge')
    const outgoing = await sender.openData()
    expect(await sender.command('STOR doomed')).toMatch(/^150 /)
    outgoing.write(content)
    await sleep(30)
    await world.disable(doomed.id)
    const got = await readAll(incoming).catch(() => Buffer.alloc(0))
    expect(got.length).toBeLessThan(64 * MIB)
    await Promise.all([client.closed, sender.closed])
    await expect(published('doomed')).rejects.toThrow('ENOENT')
  })

  function ask(agent: Agent, range?: string): Promise<IncomingMessage> {
    const headers = {
      authorization: `Basic ${Buffer.from(`${key.login}:${key.value}`).toString('base64')}`,
      ...(range === undefined ? {} : { range }),
    }
    return new Promise((resolve, reject) => {
      httpGet({ port: webdav.port, host: '127.0.0.1', path: '/long', agent, headers }, resolve).on(
        'error',
        reject,
      )
    })
  }

  async function bodyOf(response: IncomingMessage): Promise<Buffer> {
    const chunks: Buffer[] = []
    for await (const chunk of response) chunks.push(chunk)
    return Buffer.concat(chunks)
  }

  test('WebDAV: one connection after the other answer, whole, in part and in parts', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const wholes = await Promise.all([ask(agent), ask(agent)].map(async (answer) => bodyOf(await answer)))
    for (const whole of wholes) expect(whole.equals(content)).toBe(true)
    const part = await bodyOf(await ask(agent, 'bytes=1000-3000000'))
    expect(part.equals(content.subarray(1000, 3000001))).toBe(true)
    const parts = await bodyOf(await ask(agent, 'bytes=0-999999,2000000-3999999'))
    expect(parts.indexOf(content.subarray(0, 1_000_000))).toBeGreaterThan(0)
    expect(parts.indexOf(content.subarray(2_000_000, 4_000_000))).toBeGreaterThan(1_000_000)
    agent.destroy()
  })

  test('WebDAV: requests sent ahead are answered in order, and clients that leave harm nobody', async () => {
    const authorization = `Authorization: Basic ${Buffer.from(`${key.login}:${key.value}`).toString('base64')}`
    const request = `GET /long HTTP/1.1\r\nHost: localhost\r\n${authorization}\r\n\r\n`
    const last = request.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')
    const leaving = Array.from({ length: 5 }, () => connect(webdav.port, '127.0.0.1'))
    for (const socket of leaving) {
      socket.write(request)
      await once(socket, 'data')
      socket.resetAndDestroy()
    }
    const socket = connect(webdav.port, '127.0.0.1')
    socket.write(request + request + last)
    const answers = await readAll(socket)
    const heads = answers.length - 3 * content.length
    expect(heads).toBeGreaterThan(300)
    expect(heads).toBeLessThan(3_000)
    const first = answers.indexOf('\r\n\r\n') + 4
    expect(answers.subarray(first, first + content.length).equals(content)).toBe(true)
    expect(answers.subarray(-content.length).equals(content)).toBe(true)
  })
})
