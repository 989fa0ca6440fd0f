import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startWorld, type World, type WorldKey } from '#test/world.ts'
import { packet, str, u32, u64 } from './bytes.ts'
import { attributesOf, FLAGS, handleOf, NEW, openRaw, type Raw, request, statusOf } from './client.ts'

/** The same cases each time; a failure prints the one that failed. */
const SEED = 20_260_101
const CASES = 1_600
/** Check 24 asks for 1,600; each may cost a connection, so a quick run makes fewer. */
const STREAMS = Number(process.env.LATCHKEY_FUZZ_STREAMS ?? 400)

let world: World
let key: WorldKey
let port: number

beforeAll(async () => {
  world = await startWorld()
  key = await world.issue()
  port = (await world.start('sftp')).port
})
afterAll(() => world[Symbol.asyncDispose]())

async function isAlive(): Promise<boolean> {
  using raw = await openRaw(port, key)
  return (await raw.ask(request.stat('/'))).type === 105
}

const small = fc.nat({ max: 200 })
const piece = fc.uint8Array({ minLength: 1, maxLength: 60 }).map((bytes) => Buffer.from(bytes))
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('write' as const), at: small, data: piece }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('size' as const), at: small }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('read' as const), at: small, length: small }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reopen' as const), append: fc.boolean() }) },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

/** A file as POSIX has it. */
class PosixFile {
  bytes = Buffer.alloc(0)
  write(data: Buffer, at: number): void {
    if (this.bytes.length < at + data.length) this.resize(at + data.length)
    data.copy(this.bytes, at)
  }
  resize(size: number): void {
    this.bytes = Buffer.concat([
      this.bytes.subarray(0, size),
      Buffer.alloc(Math.max(0, size - this.bytes.length)),
    ])
  }
}

/** Sends all steps without waiting for an answer, and says what each answer must be. */
async function play(raw: Raw, path: string, steps: readonly Step[]): Promise<Buffer> {
  const file = new PosixFile()
  const BOTH = FLAGS.read | FLAGS.write
  let handle = handleOf(await raw.ask(request.open(path, NEW | FLAGS.read)))
  let appends = false
  let expected: (Buffer | 'ok' | 'end')[] = []
  const settle = async () => {
    for (const wanted of expected) {
      const answer = await raw.next()
      if (wanted === 'ok') expect(statusOf(answer)).toBe(0)
      else if (wanted === 'end') expect(statusOf(answer)).toBe(1)
      else expect(answer.body.subarray(4).equals(wanted)).toBe(true)
    }
    expected = []
  }
  for (const one of steps) {
    if (one.kind === 'write') {
      raw.send(request.write(handle, BigInt(one.at), one.data))
      file.write(one.data, appends ? file.bytes.length : one.at)
      expected.push('ok')
    } else if (one.kind === 'size') {
      raw.send(packet(10, u32(6), handle, u32(1), u64(BigInt(one.at))))
      file.resize(one.at)
      expected.push('ok')
    } else if (one.kind === 'read') {
      // What was sent before must have landed: a READ may overtake WRITEs that are not answered.
      await settle()
      raw.send(request.read(handle, BigInt(one.at), one.length))
      const wanted = file.bytes.subarray(one.at, one.at + one.length)
      expected.push(wanted.length === 0 ? 'end' : Buffer.from(wanted))
    } else {
      raw.send(request.close(handle))
      expected.push('ok')
      await settle()
      appends = one.append
      handle = handleOf(await raw.ask(request.open(path, appends ? BOTH | FLAGS.append : BOTH)))
    }
  }
  raw.send(request.close(handle))
  expected.push('ok')
  await settle()
  return file.bytes
}

describe('any sequence of requests', () => {
  test('pipelined writes over one another, sizes, appends and reads give what a POSIX file would have', async () => {
    using raw = await openRaw(port, key)
    using other = await openRaw(port, key)
    let count = 0
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const name = `posix-${count++}`
        const expected = await play(raw, `/${name}`, steps)
        expect((await readFile(join(world.root, name))).equals(expected)).toBe(true)
        expect(attributesOf(await other.ask(request.stat(`/${name}`))).size).toBe(expected.length)
        await rm(join(world.root, name))
      }),
      { seed: SEED, numRuns: 60 },
    )
  })

  test('odd names come back as they were sent, or are refused; nothing is made outside', async () => {
    using raw = await openRaw(port, key)
    expect(statusOf(await raw.ask(request.mkdir('/odd', 0o755)))).toBe(0)
    const name = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 20 }),
      fc.string({ maxLength: 20 }),
      fc.constantFrom(
        '..',
        '.',
        '~',
        '-rf',
        ' ',
        '\n',
        '\\',
        '%2e%2e',
        'CON',
        '.latchkey',
        '.LatchKey',
        'a/../..',
        '*',
        'ﬀ',
      ),
    )
    await fc.assert(
      fc.asyncProperty(name, async (text) => {
        const answer = await raw.ask(request.open(`/odd/${text}`, NEW))
        if (answer.type === 101) return
        expect(statusOf(await raw.ask(request.close(handleOf(answer))))).toBe(0)
        expect(attributesOf(await raw.ask(request.stat(`/odd/${text}`))).size).toBe(0)
        expect(statusOf(await raw.ask(request.remove(`/odd/${text}`)))).toBe(0)
      }),
      { seed: SEED, numRuns: 60 },
    )
    expect(await readdir(join(world.root, 'odd'))).toEqual([])
  })
})

/** Requests that make sense, to be spoiled. */
const sensible = fc.oneof(
  fc
    .record({ path: fc.constantFrom('/f', '/g', '/f/x', '/'), flags: fc.nat({ max: 63 }) })
    .map(({ path, flags }) => request.open(path, flags)),
  fc
    .record({ handle: fc.nat({ max: 6 }), at: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) })
    .map(({ handle, at }) => request.write(str(u32(handle)), at, 'data')),
  fc
    .record({ handle: fc.nat({ max: 6 }), at: small, length: fc.nat({ max: 2 ** 31 }) })
    .map(({ handle, at, length }) => request.read(str(u32(handle)), BigInt(at), length)),
  fc.nat({ max: 6 }).map((handle) => request.close(str(u32(handle)))),
  fc.constantFrom('/f', '/g', '/', '').map((path) => request.stat(path)),
  fc.constantFrom('/f', '/g').map((path) => request.remove(path)),
  fc.constant(request.rename('/f', '/g')),
  fc
    .constantFrom(
      'limits@openssh.com',
      'statvfs@openssh.com',
      'copy-data',
      'fsync@openssh.com',
      'expand-path@openssh.com',
    )
    .map((name) => request.extended(name, str(u32(1)), u64(0n), u64(9n), str(u32(2)), u64(1n))),
)

const spoiled = fc
  .record({ bytes: sensible, at: fc.nat(), to: fc.nat({ max: 255 }), cut: fc.option(fc.nat(), { freq: 4 }) })
  .map(({ bytes, at, to, cut }) => {
    const body = Buffer.from(bytes.subarray(4))
    body.writeUInt8(to, at % body.length)
    const rest = cut === null ? body : body.subarray(0, Math.max(5, cut % body.length))
    return Buffer.concat([u32(rest.length), rest])
  })

describe('spoiled requests (check 24)', () => {
  test(`${CASES} with a byte changed or the end cut off: each is answered, no descriptor is left`, async () => {
    const before = (await readdir('/proc/self/fd')).length
    const perSession = 40
    await fc.assert(
      fc.asyncProperty(
        fc.array(spoiled, { minLength: perSession, maxLength: perSession }),
        async (packets) => {
          using raw = await openRaw(port, key)
          raw.send(...packets)
          for (const _ of packets) await raw.next()
        },
      ),
      { seed: SEED, numRuns: CASES / perSession, endOnFailure: true },
    )
    expect(await isAlive()).toBe(true)
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect((await readdir('/proc/self/fd')).length).toBeLessThan(before + 10)
  })

  test(`${STREAMS} streams of spoiled lengths: answered or ended, and the next client gets in`, async () => {
    const stream = fc.array(fc.tuple(sensible, fc.nat({ max: 8 }), fc.nat({ max: 255 })), {
      minLength: 1,
      maxLength: 4,
    })
    let raw = await openRaw(port, key)
    let isOpen = true
    await fc.assert(
      fc.asyncProperty(stream, async (parts) => {
        if (!isOpen) raw = await openRaw(port, key)
        isOpen = true
        for (const [bytes, at, to] of parts) {
          const copy = Buffer.from(bytes)
          copy.writeUInt8(to, at % copy.length)
          raw.send(copy)
        }
        const answered = raw.next().then(
          () => true,
          () => false,
        )
        isOpen = await Promise.race([answered, new Promise<boolean>((done) => setTimeout(done, 5, true))])
      }),
      { seed: SEED, numRuns: STREAMS, endOnFailure: true },
    )
    raw[Symbol.dispose]()
    expect(await isAlive()).toBe(true)
  }, 600_000)
})
