import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import type { Socket } from 'node:net'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { transmit } from '#files/mounts/local/transmit.ts'
import type { Files, OpenFile, StagedUpload } from '#files/types.ts'
import { descriptorOf } from '#net/descriptor.ts'
import { socketPair } from '#test/sockets.ts'
import { at, type FilesWorld, get, startFiles } from './setup.ts'

const MIB = 1024 * 1024

if (transmit === null) console.warn('SKIPPED: native/transmit is not built here')

describe.skipIf(transmit === null)('bytes that the kernel moves', () => {
  let world: FilesWorld
  beforeEach(async () => {
    world = await startFiles()
  })
  afterEach(() => world[Symbol.asyncDispose]())

  function descriptor(socket: Socket): number {
    const found = descriptorOf(socket)
    if (found === null) throw new Error('the socket has no descriptor')
    return found
  }

  async function stored(files: Files, bytes: Buffer): Promise<OpenFile> {
    await using upload = await files.create(at('/f'))
    await upload.write([bytes], 0)
    await upload.commit()
    return files.open(at('/f'))
  }

  /** Asks again while the storage counts as slow, as it does for a while on a busy machine. */
  async function patiently<T>(ask: () => T | null | undefined): Promise<T> {
    for (const deadline = Date.now() + 10_000; Date.now() < deadline; await sleep(20)) {
      const answer = ask()
      if (answer !== null && answer !== undefined) return answer
    }
    throw new Error('the storage stayed slow')
  }

  /** What the client got once it has `count` bytes. */
  async function received(client: Socket, count: number): Promise<Buffer> {
    const chunks: Buffer[] = []
    let size = 0
    for await (const chunk of client.iterator({ destroyOnReturn: false })) {
      chunks.push(chunk)
      size += chunk.length
      if (size >= count) break
    }
    return Buffer.concat(chunks)
  }

  /** Takes all that comes until `enough`; what the last call said. */
  async function takeAll(upload: StagedUpload, socket: Socket, enough: (size: number) => boolean) {
    const deadline = Date.now() + 10_000
    for (;;) {
      const came = await patiently(() => upload.receiveFrom(descriptor(socket), upload.size))
      if (typeof came !== 'number' || enough(upload.size)) return came
      if (Date.now() > deadline) throw new Error(`only ${upload.size} bytes came`)
      await nextTurn()
    }
  }

  test('sendTo sends what lies between two positions, and counts it', async () => {
    using pair = await socketPair()
    const { files, activity } = world.as()
    const bytes = randomBytes(3 * MIB)
    await using file = await stored(files, bytes)
    const [start, end] = [12_345, 3 * MIB - 7]
    const arriving = received(pair.client, end - start)
    for (let position = start; position < end; await nextTurn()) {
      position += await patiently(() => file.sendTo?.(descriptor(pair.server), position, end))
    }
    expect((await arriving).equals(bytes.subarray(start, end))).toBe(true)
    expect(activity.bytesOut).toBe(end - start)
  })

  test('sendTo says 0 when the socket is full and behind the end of the file, and null for nothing', async () => {
    using pair = await socketPair()
    await using file = await stored(world.as().files, randomBytes(32 * MIB))
    let position = 0
    for (;;) {
      const sent = await patiently(() => file.sendTo?.(descriptor(pair.server), position, 32 * MIB))
      if (sent === 0) break
      position += sent
    }
    expect(position).toBeGreaterThan(0)
    expect(position).toBeLessThan(32 * MIB)
    expect(file.sendTo?.(descriptor(pair.server), 5, 5)).toBeNull()
    using idle = await socketPair()
    expect(await patiently(() => file.sendTo?.(descriptor(idle.server), 32 * MIB, 33 * MIB))).toBe(0)
  })

  test('sendTo says 0 when the client is gone, and an ordinary write tells so', async () => {
    using pair = await socketPair()
    await using file = await stored(world.as().files, randomBytes(MIB))
    pair.client.resetAndDestroy()
    await sleep(50)
    expect(await patiently(() => file.sendTo?.(descriptor(pair.server), 0, MIB))).toBe(0)
    const error = await new Promise((resolve) => pair.server.write('x', resolve))
    expect(error).toMatchObject({ code: expect.stringMatching(/EPIPE|ECONNRESET/) })
  })

  test('receiveFrom writes what came, where it is told to, and counts it', async () => {
    using pair = await socketPair()
    const { files, activity } = world.as()
    const bytes = randomBytes(3 * MIB + 11)
    await using upload = await files.create(at('/up'))
    await upload.write([bytes.subarray(0, 11)], 0)
    pair.client.write(bytes.subarray(11))
    await takeAll(upload, pair.server, (size) => size === bytes.length)
    expect(await patiently(() => upload.receiveFrom(descriptor(pair.server), upload.size))).toBe(0)
    await upload.commit()
    const published = Buffer.alloc(bytes.length)
    await using file = await files.open(at('/up'))
    await file.read(published, 0)
    expect(published.equals(bytes)).toBe(true)
    expect(activity.bytesIn).toBe(bytes.length)
  })

  test('receiveFrom leaves the end of the connection to Node', async () => {
    using pair = await socketPair()
    await using upload = await world.as().files.create(at('/up'))
    pair.client.end('all')
    await takeAll(upload, pair.server, (size) => size === 3)
    await sleep(20)
    expect(await patiently(() => upload.receiveFrom(descriptor(pair.server), 3))).toBe(0)
    pair.server.resume()
    await once(pair.server, 'end')
  })

  test('receiveFrom tells a reset: Node would take it for a good end', async () => {
    using pair = await socketPair()
    await using upload = await world.as().files.create(at('/up'))
    pair.client.write(randomBytes(1000))
    await takeAll(upload, pair.server, (size) => size === 1000)
    pair.client.resetAndDestroy()
    await sleep(50)
    expect(await patiently(() => upload.receiveFrom(descriptor(pair.server), 1000))).toBe('lost')
  })

  test('nothing moves for a session that was revoked', async () => {
    using pair = await socketPair()
    const caller = world.as()
    await using file = await stored(caller.files, randomBytes(1000))
    await using upload = await caller.files.create(at('/up'))
    pair.client.write('late')
    await sleep(20)
    caller.revoke()
    expect(() => file.sendTo?.(descriptor(pair.server), 0, 1000)).toThrow()
    expect(() => upload.receiveFrom(descriptor(pair.server), 0)).toThrow()
    expect(caller.activity.bytesOut).toBe(0)
  })

  test('nothing moves to or from a descriptor that was closed', async () => {
    using pair = await socketPair()
    const { files } = world.as()
    const file = await stored(files, randomBytes(1000))
    await file[Symbol.asyncDispose]()
    expect(() => file.sendTo?.(descriptor(pair.server), 0, 1000)).toThrow('the file is closed')
    const upload = await files.create(at('/up'))
    await upload.write([Buffer.from('whole')], 0)
    await upload.commit()
    pair.client.write('more')
    await sleep(20)
    expect(() => upload.receiveFrom(descriptor(pair.server), 5)).toThrow('the file is closed')
    expect(await get(files, '/up')).toBe('whole')
    pair.server.destroy()
    expect(descriptorOf(pair.server)).toBeNull()
  })

  test('the addon refuses what is no descriptor, position or length', () => {
    for (const bad of [
      [-1, 1, 0, 1],
      [1, 2 ** 40, 0, 1],
      [1, 1, -1, 1],
      [1, 1, 0, -1],
      [1, 1, 0],
      ['1', 1, 0, 1],
      [],
    ]) {
      for (const call of [transmit?.sendFile, transmit?.receiveFile]) {
        expect(() => Reflect.apply(call ?? fail, null, bad)).toThrow(TypeError)
      }
    }
  })

  test('a file that cannot be written is an error with its name, and the next upload gets nothing of it', async () => {
    using pair = await socketPair()
    const full = openSync('/dev/full', 'w')
    pair.client.write('lost bytes')
    await sleep(20)
    expect(() => transmit?.receiveFile(descriptor(pair.server), full, 0, 100)).toThrow(
      expect.objectContaining({ code: 'ENOSPC' }),
    )
    closeSync(full)
    await using upload = await world.as().files.create(at('/up'))
    pair.client.write('new')
    await takeAll(upload, pair.server, (size) => size === 3)
    const staged = Buffer.alloc(3)
    await upload.read(staged, 0)
    expect(staged.toString()).toBe('new')
  })
})

function fail(): never {
  throw new Error('the addon is not there')
}
