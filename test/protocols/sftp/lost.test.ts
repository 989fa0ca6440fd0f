import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { enableKey } from '#identity/keys.ts'
import { startWorld, type World, type WorldKey } from '#test/world.ts'
import { packet, str, u32 } from './bytes.ts'
import { attributesOf, FLAGS, handleOf, NEW, openRaw, type Raw, request, statusOf } from './client.ts'

const DAY = 86_400_000
let world: World
let key: WorldKey
let other: WorldKey
let port: number

beforeAll(async () => {
  world = await startWorld()
  key = await world.issue()
  other = await world.issue()
  port = (await world.start('sftp')).port
})
afterAll(() => world[Symbol.asyncDispose]())

const open = (by = key) => openRaw(port, by)
const onDisk = (name: string) => readFile(join(world.root, name), 'utf8')
const put = (name: string, text: string) => writeFile(join(world.root, name), text)
const RESUME = FLAGS.write | FLAGS.create

/** Files in the mount's hidden folder: in staging, and kept for a key. */
async function hidden(): Promise<{ staged: number; lost: number }> {
  const all = await readdir(world.root, { recursive: true, withFileTypes: true })
  const files = all.filter((entry) => entry.isFile()).map(({ parentPath }) => parentPath)
  return {
    staged: files.filter((path) => path.includes('/staging/')).length,
    lost: files.filter((path) => path.endsWith('/.latchkey/lost')).length,
  }
}

async function eventually(holds: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 150; i++) {
    if (await holds()) return
    await delay(20)
  }
  throw new Error('it did not come true within 3 s')
}

async function openFile(raw: Raw, path: string, flags: number): Promise<Buffer> {
  return handleOf(await raw.ask(request.open(path, flags)))
}

/** Writes the beginning of a file and loses the connection. */
async function lose(path: string, text: string, { by = key, flags = NEW, at = 0n } = {}): Promise<void> {
  const before = (await hidden()).lost
  const raw = await open(by)
  const handle = await openFile(raw, path, flags)
  expect(statusOf(await raw.ask(request.write(handle, at, text)))).toBe(0)
  raw.client.destroy()
  await eventually(async () => (await hidden()).staged === 0)
  if ((await hidden()).lost < before) throw new Error('one more is expected')
}

async function sizeOf(path: string, by = key): Promise<number | null> {
  using raw = await open(by)
  const answer = await raw.ask(request.stat(path))
  return answer.type === 105 ? attributesOf(answer).size : null
}

async function finish(path: string, text: string, at: bigint, flags: number = RESUME): Promise<void> {
  using raw = await open()
  const handle = await openFile(raw, path, flags)
  expect(statusOf(await raw.ask(request.write(handle, at, text)))).toBe(0)
  expect(statusOf(await raw.ask(request.close(handle)))).toBe(0)
}

describe('an upload whose connection was lost', () => {
  test('shows its size to the same key, nothing to others, and the old file to readers', async () => {
    await put('old', 'the old file')
    await lose('/old', 'new')
    await lose('/new', 'half')
    expect([await sizeOf('/old'), await sizeOf('/new')]).toEqual([3, 4])
    expect([await sizeOf('/old', other), await sizeOf('/new', other)]).toEqual([12, null])
    expect(await onDisk('old')).toBe('the old file')
    expect(await readdir(world.root)).not.toContain('new')
    using raw = await open()
    const reader = await openFile(raw, '/old', FLAGS.read)
    expect((await raw.ask(request.read(reader, 0n, 99))).body.subarray(4).toString()).toBe('the old file')
    expect(statusOf(await raw.ask(request.open('/new', FLAGS.read)))).toBe(2)
  })

  test.each([
    ['WRITE and CREAT (lftp)', RESUME, 4n],
    ['WRITE, CREAT and APPEND (OpenSSH reput)', RESUME | FLAGS.append, 0n],
    ['WRITE alone (psftp)', FLAGS.write, 4n],
    ['READ and WRITE (paramiko r+)', FLAGS.read | FLAGS.write, 4n],
  ])('goes on with OPEN for %s, and CLOSE publishes the whole', async (_, flags, at) => {
    await lose('/resumed', 'one ')
    await finish('/resumed', 'two', at, flags)
    expect(await onDisk('resumed')).toBe('one two')
    expect(await sizeOf('/resumed', other)).toBe(7)
    using raw = await open()
    await raw.ask(request.remove('/resumed'))
  })

  test('can be lost again, and goes on from there', async () => {
    await lose('/again', 'a')
    await lose('/again', 'b', { flags: RESUME, at: 1n })
    await lose('/again', 'c', { flags: RESUME | FLAGS.append })
    expect(await sizeOf('/again')).toBe(3)
    await finish('/again', 'd', 3n)
    expect(await onDisk('again')).toBe('abcd')
  })

  test('ends at the first hole, however much was ahead', async () => {
    const raw = await open()
    const handle = await openFile(raw, '/holes', NEW)
    await raw.ask(request.write(handle, 0n, 'solid'))
    await raw.ask(request.write(handle, 100n, 'ahead'))
    raw.client.destroy()
    await eventually(async () => (await sizeOf('/holes')) === 5)
  })

  test('is listed with its size for the same key only', async () => {
    await lose('/listed', 'part')
    const names = async (by: WorldKey) => {
      using raw = await open(by)
      const folder = handleOf(await raw.ask(packet(11, u32(1), str('/'))))
      const pages: string[] = []
      for (;;) {
        const { type, body } = await raw.ask(packet(12, u32(1), folder))
        if (type !== 104) return pages.join('')
        pages.push(body.toString('latin1'))
      }
    }
    expect(await names(key)).toMatch(/ {9}4 [A-Z][a-z]{2} .* listed/)
    expect(await names(other)).not.toContain('listed')
  })

  test('a new upload takes its place, and REMOVE drops it', async () => {
    await lose('/replaced', 'abandoned bytes')
    await finish('/replaced', 'whole', 0n, NEW)
    expect(await onDisk('replaced')).toBe('whole')
    await lose('/removed', 'abandoned')
    using raw = await open()
    expect(statusOf(await raw.ask(request.remove('/removed')))).toBe(0)
    expect(await sizeOf('/removed')).toBeNull()
    expect(statusOf(await raw.ask(request.remove('/removed')))).toBe(2)
  })

  test('is not renamed into place unfinished', async () => {
    await lose('/x.filepart', 'half')
    using raw = await open()
    expect(statusOf(await raw.ask(request.rename('/x.filepart', '/x')))).toBe(4)
    await finish('/x.filepart', ' done', 4n)
    expect(statusOf(await raw.ask(request.rename('/x.filepart', '/x')))).toBe(0)
    expect(await onDisk('x')).toBe('half done')
  })

  test('ends when something else is published there', async () => {
    await lose('/overtaken', 'half')
    using raw = await open(other)
    const handle = await openFile(raw, '/overtaken', NEW)
    await raw.ask(request.write(handle, 0n, 'whole of another'))
    await raw.ask(request.close(handle))
    expect(await sizeOf('/overtaken')).toBe(16)
    await finish('/overtaken', 'W', 0n)
    expect(await onDisk('overtaken')).toBe('Whole of another')
  })

  test('an append that was cut goes on; what was written over in part is dropped', async () => {
    await put('log', 'line 1\n')
    await lose('/log', 'line', { flags: FLAGS.write | FLAGS.append })
    expect([await sizeOf('/log'), await sizeOf('/log', other)]).toEqual([11, 7])
    await finish('/log', ' 2\n', 11n, FLAGS.write)
    expect(await onDisk('log')).toBe('line 1\nline 2\n')
    await lose('/log', 'X', { flags: FLAGS.write, at: 3n })
    expect(await sizeOf('/log')).toBe(14)
    expect(await onDisk('log')).toBe('line 1\nline 2\n')
  })

  test('a client that broke the protocol has nothing kept', async () => {
    const before = (await hidden()).lost
    using raw = await open()
    const handle = await openFile(raw, '/broken', NEW)
    await raw.ask(request.write(handle, 0n, 'bytes'))
    raw.send(u32(0x7fffffff))
    await raw.ended
    await eventually(async () => (await hidden()).staged === 0)
    expect((await hidden()).lost).toBe(before)
  })
})

describe('R1: it ends with its key', () => {
  test('when the key is disabled, and does not come back', async () => {
    const doomed = await world.issue()
    const before = (await hidden()).lost
    await lose('/revoked', 'secret', { by: doomed })
    await eventually(async () => (await hidden()).lost === before + 1)
    await world.disable(doomed.id)
    await eventually(async () => (await hidden()).lost === before)
    await enableKey(world.identity, { kind: 'command_line' }, world.site.id, doomed.id)
    expect(await sizeOf('/revoked', doomed)).toBeNull()
  })

  test('when the key is deleted', async () => {
    const doomed = await world.issue()
    const before = (await hidden()).lost
    await lose('/deleted', 'secret', { by: doomed })
    await eventually(async () => (await hidden()).lost === before + 1)
    await world.remove(doomed.id)
    await eventually(async () => (await hidden()).lost === before)
  })

  test('after a day, and when the server sweeps', async () => {
    await lose('/old-one', 'bytes')
    await eventually(async () => (await hidden()).lost > 0)
    world.clock.advance(DAY + 1)
    await world.core.files.endLost()
    expect(await hidden()).toEqual({ staged: 0, lost: 0 })
    expect(await sizeOf('/old-one')).toBeNull()
  })

  test('a key has at most 32: the oldest goes first', async () => {
    const busy = await world.issue()
    const raw = await open(busy)
    for (let i = 0; i < 40; i++) {
      const handle = await openFile(raw, `/many-${i}`, NEW)
      await raw.ask(request.write(handle, 0n, 'x'))
    }
    raw.client.destroy()
    await eventually(async () => (await hidden()).staged === 0 && (await hidden()).lost === 32)
  })

  test('it survives a restart of the server', async () => {
    await lose('/survivor', 'still ')
    await world.core.files.sweep()
    await finish('/survivor', 'here', 6n)
    expect(await onDisk('survivor')).toBe('still here')
  })
})
