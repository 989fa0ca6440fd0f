import { randomBytes } from 'node:crypto'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { connect as connectTcp } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startWorld, type World, type WorldKey } from '#test/world.ts'
import { INIT, packet, str, u32, u64 } from './bytes.ts'
import { FLAGS, handleOf, NEW, openRaw, request, statusOf } from './client.ts'

let world: World
let key: WorldKey
let port: number

beforeAll(async () => {
  world = await startWorld()
  key = await world.issue()
  port = (await world.start('sftp')).port
})
afterAll(() => world[Symbol.asyncDispose]())

/** The door still lets a client in and answers. */
async function isAlive(): Promise<boolean> {
  using raw = await openRaw(port, key)
  return (await raw.ask(request.stat('/'))).type === 105
}

describe('packets that cannot be served end their own session only', () => {
  test.each([
    ['length 0 (check 23)', u32(0)],
    ['length 0x7fffffff (check 23)', Buffer.concat([u32(0x7fffffff), Buffer.alloc(1000)])],
    ['length 0xffffffff', u32(0xffffffff)],
    ['a packet without an id', Buffer.concat([u32(2), Buffer.from([17, 0])])],
  ])('%s', async (_name, bytes) => {
    using raw = await openRaw(port, key)
    using other = await openRaw(port, key)
    raw.send(bytes)
    await raw.ended
    expect((await other.ask(request.stat('/'))).type).toBe(105)
    expect(await isAlive()).toBe(true)
  })

  test('a request before INIT', async () => {
    using raw = await openRaw(port, key, false)
    raw.send(request.stat('/'))
    await raw.ended
    expect(await isAlive()).toBe(true)
  })
})

describe('requests that cannot be served fail alone', () => {
  test.each([
    ['an unknown type', packet(99, u32(1)), 8],
    ['a second INIT', INIT, 8],
    ['a type of the server', packet(101, u32(1)), 8],
    ['a path that is truncated', packet(17, u32(1), u32(100), Buffer.from('/a')), 5],
    ['a path of 4 GiB', packet(17, u32(1), u32(0xffffffff), Buffer.from('/a')), 5],
    ['no path at all', packet(17, u32(1)), 5],
    ['a NUL in a name (check 20)', request.stat('/a\0b'), 5],
    ['a name of 300 bytes', request.open(`/${'n'.repeat(300)}`, NEW), 5],
    ['a name that is not UTF-8', packet(17, u32(1), str(Buffer.from([0x2f, 0xff]))), 5],
    ['a handle that is not open', request.read(str(u32(77)), 0n, 1), 5],
    ['a handle of 0 bytes', request.close(str('')), 5],
    ['a handle of 1,000 bytes', request.write(str(randomBytes(1000)), 0n, 'x'), 5],
    ['an extension without a name', packet(200, u32(1)), 5],
  ])('%s', async (_name, bytes, status) => {
    using raw = await openRaw(port, key)
    expect(statusOf(await raw.ask(bytes))).toBe(status)
    expect((await raw.ask(request.stat('/'))).type).toBe(105)
  })

  // These reach a native assertion in fs when they are passed on.
  test('a mode of 0x80000000 in OPEN, MKDIR and SETSTAT (check 21)', async () => {
    using raw = await openRaw(port, key)
    for (const mode of [0x80000000, 0xffffffff]) {
      const name = `/mode-${mode}`
      const opening = packet(3, u32(1), str(name), u32(NEW), u32(4), u32(mode))
      const handle = handleOf(await raw.ask(opening))
      expect(statusOf(await raw.ask(packet(10, u32(1), handle, u32(4), u32(mode))))).toBe(0)
      expect(statusOf(await raw.ask(request.close(handle)))).toBe(0)
      expect(statusOf(await raw.ask(request.mkdir(`${name}-folder`, mode)))).toBe(0)
      expect(statusOf(await raw.ask(request.setmode(name, mode)))).toBe(0)
    }
  })

  test.each([2n ** 53n, 2n ** 63n, 2n ** 64n - 1n])('the offset and size %s (check 22)', async (value) => {
    const file = join(world.root, 'kept')
    await writeFile(file, 'unchanged')
    using raw = await openRaw(port, key)
    const handle = handleOf(await raw.ask(request.open('/kept', FLAGS.read | FLAGS.write)))
    expect(statusOf(await raw.ask(request.read(handle, value, 10)))).toBe(5)
    expect(statusOf(await raw.ask(request.write(handle, value, 'x')))).toBe(5)
    expect(statusOf(await raw.ask(request.close(handle)))).not.toBe(0)
    expect(statusOf(await raw.ask(packet(9, u32(1), str('/kept'), u32(1), u64(value))))).toBe(5)
    expect(await readFile(file, 'utf8')).toBe('unchanged')
  })

  test('an offset that no file system has room for', async () => {
    using raw = await openRaw(port, key)
    const handle = handleOf(await raw.ask(request.open('/far', NEW)))
    expect(statusOf(await raw.ask(request.write(handle, 2n ** 53n - 2n, 'x')))).not.toBe(0)
    expect(statusOf(await raw.ask(request.close(handle)))).not.toBe(0)
    expect(await readdir(world.root)).not.toContain('far')
  })
})

describe('noise', () => {
  test('requests with random bodies are answered or end the session; nothing else is hurt (check 24)', async () => {
    const types = [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 200, 255]
    const before = (await readdir('/proc/self/fd')).length
    for (let round = 0; round < 8; round++) {
      using raw = await openRaw(port, key)
      raw.send(request.open('/noise', FLAGS.read | FLAGS.write | FLAGS.create))
      const packets = Array.from({ length: 200 }, (_, i) =>
        packet(types[i % types.length] ?? 0, u32(i), noise(i)),
      )
      raw.send(...packets)
      for (let i = 0; i <= packets.length; i++) await raw.next()
    }
    expect(await isAlive()).toBe(true)
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect((await readdir('/proc/self/fd')).length).toBeLessThan(before + 10)
  })

  /** Half of it looks like fields: a handle that is open, a path, numbers. */
  function noise(i: number): Buffer {
    if (i % 4 === 0) return randomBytes(i % 61)
    const field = [str(u32(1 + (i % 3))), str('/noise'), u32(i), u64(BigInt(i)), str(randomBytes(i % 9))]
    return Buffer.concat([0, 1, 2].map((k) => field[(i * 7 + k * 3) % field.length] ?? Buffer.alloc(0)))
  }

  test('random bytes in the SFTP stream', async () => {
    for (let round = 0; round < 10; round++) {
      using raw = await openRaw(port, key)
      raw.send(Buffer.concat([Buffer.from([0, 0, 0, 20 + round]), randomBytes(5000)]))
      await Promise.race([raw.ended, new Promise((resolve) => setTimeout(resolve, 200))])
    }
    expect(await isAlive()).toBe(true)
  })

  test('random bytes before, in and after the identification of SSH', async () => {
    const starts = [
      '',
      'SSH-2.0-x\r\n',
      'SSH-1.0-x\r\n',
      'GET / HTTP/1.1\r\n\r\n',
      `SSH-2.0-${'x'.repeat(9000)}`,
    ]
    await Promise.all(
      starts.flatMap((start) =>
        [5, 500, 50_000].map((size) => throwAt(Buffer.concat([Buffer.from(start), randomBytes(size)]))),
      ),
    )
    expect(await isAlive()).toBe(true)
  })

  function throwAt(bytes: Buffer): Promise<void> {
    return new Promise((resolve) => {
      const socket = connectTcp(port, '127.0.0.1', () => socket.end(bytes))
      socket.on('error', () => undefined)
      socket.on('close', () => resolve())
      socket.resume()
      setTimeout(() => socket.destroy(), 500)
    })
  }
})
