import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startWorld, type World, type WorldKey } from '#test/world.ts'
import { packet, str, u32, u64 } from './bytes.ts'
import { attributesOf, FLAGS, handleOf, NEW, openRaw, type Raw, request, statusOf } from './client.ts'

let world: World
let key: WorldKey
let port: number
let raw: Raw

beforeAll(async () => {
  world = await startWorld()
  key = await world.issue()
  port = (await world.start('sftp')).port
  raw = await openRaw(port, key)
})
afterAll(async () => {
  raw[Symbol.dispose]()
  await world[Symbol.asyncDispose]()
})

const put = (name: string, bytes: string | Buffer) => writeFile(join(world.root, name), bytes)
const onDisk = (name: string) => readFile(join(world.root, name), 'utf8')
const openFile = async (path: string, flags: number) => handleOf(await raw.ask(request.open(path, flags)))

/** The names in a folder, as READDIR gives them packet by packet. */
async function namesIn(path: string): Promise<string[]> {
  const handle = handleOf(await raw.ask(packet(11, u32(1), str(path))))
  const names: string[] = []
  for (;;) {
    const answer = await raw.ask(packet(12, u32(2), handle))
    if (answer.type === 101) {
      expect(statusOf(answer)).toBe(1)
      expect(statusOf(await raw.ask(request.close(handle)))).toBe(0)
      return names
    }
    let at = 4
    const text = () => {
      const length = answer.body.readUInt32BE(at)
      at += 4 + length
      return answer.body.subarray(at - length, at).toString()
    }
    for (let left = answer.body.readUInt32BE(0); left > 0; left--) {
      names.push(text())
      text()
      at += 24
    }
  }
}

describe('reading', () => {
  test('READ is never short before the end, and then says so', async () => {
    const bytes = randomBytes(600_001)
    await put('whole', bytes)
    const handle = await openFile('/whole', FLAGS.read)
    const sizes: number[] = []
    const hash = createHash('sha256')
    for (let at = 0; ; ) {
      const answer = await raw.ask(request.read(handle, BigInt(at), 261_120))
      if (answer.type === 101) {
        expect(statusOf(answer)).toBe(1)
        break
      }
      hash.update(answer.body.subarray(4))
      sizes.push(answer.body.readUInt32BE(0))
      at += answer.body.readUInt32BE(0)
    }
    expect(sizes).toEqual([261_120, 261_120, 77_761])
    expect(hash.digest('hex')).toBe(createHash('sha256').update(bytes).digest('hex'))
    await raw.ask(request.close(handle))
  })

  // OpenSSH 9.2's scp cuts the file where the first answer out of order came.
  test('answers leave in the order of their requests', async () => {
    await put('ordered', randomBytes(4_000_000))
    const handle = await openFile('/ordered', FLAGS.read)
    const ids = Array.from({ length: 200 }, (_, i) => 1000 + i)
    // Long and short ones by turns, so that a later one is ready first.
    raw.send(
      ...ids.map((id, i) => request.read(handle, BigInt(i * 10_000), i % 3 === 0 ? 260_000 : 10, id)),
      request.close(handle, 2000),
    )
    const answered: number[] = []
    for (let i = 0; i <= ids.length; i++) answered.push((await raw.next()).id)
    expect(answered).toEqual([...ids, 2000])
  })

  test('a read beyond the end is the end; beyond 2^53 it is refused', async () => {
    await put('short', 'abc')
    const handle = await openFile('/short', FLAGS.read)
    expect(statusOf(await raw.ask(request.read(handle, 3n, 10)))).toBe(1)
    expect(statusOf(await raw.ask(request.read(handle, 2n ** 53n - 1n, 10)))).toBe(1)
    expect(statusOf(await raw.ask(request.read(handle, 2n ** 63n, 10)))).toBe(5)
    await raw.ask(request.close(handle))
    expect(statusOf(await raw.ask(request.read(handle, 0n, 1)))).toBe(5)
  })

  test('check 25: who asks for 1 GiB and reads nothing costs less than 50 MB', async () => {
    await put('huge', Buffer.alloc(8_000_000))
    using slow = await openRaw(port, key)
    const handle = handleOf(await slow.ask(request.open('/huge', FLAGS.read)))
    const held = () => process.memoryUsage().arrayBuffers
    const before = held()
    slow.channel.pause()
    for (let i = 0; i < 4200; i++) slow.send(request.read(handle, 0n, 261_120, i))
    let most = 0
    for (let i = 0; i < 40; i++) {
      await new Promise((resolve) => setTimeout(resolve, 25))
      most = Math.max(most, held() - before)
    }
    expect(most).toBeLessThan(50 * 1024 * 1024)
    expect(attributesOf(await raw.ask(request.stat('/huge'))).size).toBe(8_000_000)
  })
})

describe('folders and names', () => {
  test('a folder of 1,500 entries is listed whole, each once (check 13)', async () => {
    await mkdir(join(world.root, 'big'))
    const names = Array.from({ length: 1500 }, (_, i) => `näme with space ${i}`)
    await Promise.all(names.map((name) => put(`big/${name}`, '')))
    expect((await namesIn('/big')).sort()).toEqual(names.sort())
  })

  test('an empty folder has no entries; a file is no folder', async () => {
    await raw.ask(request.mkdir('/empty', 0o755))
    expect(await namesIn('/empty')).toEqual([])
    await put('file', '')
    expect(statusOf(await raw.ask(packet(11, u32(1), str('/file'))))).toBe(2)
    expect(statusOf(await raw.ask(packet(11, u32(1), str('/nothing'))))).toBe(2)
  })

  test('RMDIR takes empty folders only, REMOVE files only', async () => {
    await mkdir(join(world.root, 'full/inner'), { recursive: true })
    await put('plain', '')
    const rmdir = (path: string) => raw.ask(packet(15, u32(1), str(path)))
    expect(statusOf(await rmdir('/full'))).toBe(4)
    expect(statusOf(await rmdir('/plain'))).toBe(2)
    expect(statusOf(await raw.ask(request.remove('/full/inner')))).toBe(4)
    expect(statusOf(await rmdir('/full/inner'))).toBe(0)
    expect(statusOf(await raw.ask(request.remove('/plain')))).toBe(0)
    expect(await readdir(world.root)).not.toContain('plain')
  })

  test('RENAME does not replace; posix-rename does, but no folder that is not empty', async () => {
    const posix = (from: string, to: string) =>
      request.extended('posix-rename@openssh.com', str(from), str(to))
    await put('from', 'new')
    await put('to', 'old')
    await mkdir(join(world.root, 'tree/inner'), { recursive: true })
    await mkdir(join(world.root, 'other'))
    expect(statusOf(await raw.ask(request.rename('/from', '/to')))).toBe(4)
    expect(statusOf(await raw.ask(posix('/from', '/tree')))).toBe(4)
    expect(statusOf(await raw.ask(posix('/other', '/tree')))).toBe(4)
    expect(await readdir(join(world.root, 'tree'))).toEqual(['inner'])
    expect(statusOf(await raw.ask(posix('/from', '/to')))).toBe(0)
    expect(await onDisk('to')).toBe('new')
    expect(statusOf(await raw.ask(posix('/to', '/to')))).toBe(0)
  })

  test('REALPATH resolves dots and stays in the site (check 18)', async () => {
    for (const [text, path] of [
      ['.', '/'],
      ['../../etc/passwd', '/etc/passwd'],
      ['/a//b/./c/..', '/a/b'],
    ] as const) {
      const { type, body } = await raw.ask(packet(16, u32(1), str(text)))
      expect(type).toBe(104)
      expect(body.subarray(8, 8 + body.readUInt32BE(4)).toString()).toBe(path)
    }
    expect(statusOf(await raw.ask(request.open('/../../etc/passwd', FLAGS.read)))).toBe(2)
  })

  test('a link out of the mount does not exist for reading, writing, listing and renaming (check 19)', async () => {
    await symlink('/etc', join(world.root, 'link'))
    for (const bytes of [
      request.open('/link/passwd', FLAGS.read),
      request.open('/link/new', NEW),
      packet(11, u32(1), str('/link')),
      request.stat('/link'),
      request.rename('/link', '/elsewhere'),
    ]) {
      expect([2, 3]).toContain(statusOf(await raw.ask(bytes)))
    }
  })

  test('links are refused', async () => {
    const two = [str('/file'), str('/new-link')]
    expect(statusOf(await raw.ask(packet(20, u32(1), ...two)))).toBe(8)
    expect(statusOf(await raw.ask(packet(19, u32(1), str('/file'))))).toBe(8)
    expect(statusOf(await raw.ask(request.extended('hardlink@openssh.com', ...two)))).toBe(8)
  })
})

describe('attributes', () => {
  test('size and time of a published file are set; its mode is accepted and not kept', async () => {
    await put('attributes', 'abcdef')
    const file = join(world.root, 'attributes')
    const { mode } = await stat(file)
    expect(statusOf(await raw.ask(request.setmode('/attributes', 0o777)))).toBe(0)
    expect((await stat(file)).mode).toBe(mode)
    const fields = [str('/attributes'), u32(9), u64(3n), u32(5), u32(1_500_000_000)]
    expect(statusOf(await raw.ask(packet(9, u32(1), ...fields)))).toBe(0)
    expect(await onDisk('attributes')).toBe('abc')
    expect((await stat(file)).mtimeMs).toBe(1_500_000_000_000)
    expect(statusOf(await raw.ask(request.setmode('/nothing', 0o777)))).toBe(2)
  })

  test('an owner alone is refused in words; with something else it is passed over', async () => {
    await put('owned', 'abc')
    const owner = [u32(7), u32(7)]
    const alone = await raw.ask(packet(9, u32(1), str('/owned'), u32(2), ...owner))
    expect(statusOf(alone)).toBe(8)
    expect(alone.body.toString()).toContain('no owner')
    const both = [u32(2 + 8), ...owner, u32(1), u32(1_450_000_000)]
    expect(statusOf(await raw.ask(packet(9, u32(1), str('/owned'), ...both)))).toBe(0)
    expect(attributesOf(await raw.ask(request.stat('/owned'))).modified).toBe(1_450_000_000)
  })

  test('lsetstat sets the time (rclone, sshfs)', async () => {
    await put('timed', '')
    const times = [u32(8), u32(1), u32(1_400_000_000)]
    expect(statusOf(await raw.ask(request.extended('lsetstat@openssh.com', str('/timed'), ...times)))).toBe(0)
    expect(attributesOf(await raw.ask(request.stat('/timed')))).toEqual({ size: 0, modified: 1_400_000_000 })
  })
})

describe('extensions', () => {
  test('VERSION is 3 and names what is there', async () => {
    using fresh = await openRaw(port, key, false)
    const { type, id, body } = await fresh.ask(packet(1, u32(6), str('newline'), str('\r\n')))
    expect([type, id]).toEqual([2, 3])
    for (const name of [
      'limits@openssh.com',
      'posix-rename@openssh.com',
      'statvfs@openssh.com',
      'copy-data',
    ]) {
      expect(body.includes(name)).toBe(true)
    }
    expect(body.includes('hardlink')).toBe(false)
  })

  test('limits are those of OpenSSH', async () => {
    const { body } = await raw.ask(request.extended('limits@openssh.com'))
    expect([0, 8, 16, 24].map((at) => Number(body.readBigUInt64BE(at)))).toEqual([
      262_144, 261_120, 261_120, 256,
    ])
  })

  test('statvfs tells the room', async () => {
    const { type, body } = await raw.ask(request.extended('statvfs@openssh.com', str('/')))
    expect([type, body.length]).toEqual([201, 88])
    expect(body.readBigUInt64BE(16)).toBeGreaterThan(0n)
  })

  test('copy-data copies a range on the server (check 12)', async () => {
    await put('source', '0123456789')
    const source = await openFile('/source', FLAGS.read)
    const target = await openFile('/target', NEW)
    const copy = (from: bigint, length: bigint, to: bigint) =>
      request.extended('copy-data', source, u64(from), u64(length), target, u64(to))
    expect(statusOf(await raw.ask(copy(0n, 0n, 0n)))).toBe(0)
    expect(statusOf(await raw.ask(copy(2n, 3n, 10n)))).toBe(0)
    expect(statusOf(await raw.ask(request.extended('fsync@openssh.com', target)))).toBe(0)
    await raw.ask(request.close(target))
    expect(await onDisk('target')).toBe('0123456789234')
  })

  test('expand-path and home-directory lead to the folder in which the session starts', async () => {
    const pathOf = async (bytes: Buffer) => {
      const { type, body } = await raw.ask(bytes)
      return type === 104
        ? body.subarray(8, 8 + body.readUInt32BE(4)).toString()
        : `status ${body.readUInt32BE(0)}`
    }
    const expanded = (path: string) => pathOf(request.extended('expand-path@openssh.com', str(path)))
    expect(await expanded('~')).toBe('/')
    expect(await expanded('~/a/../b')).toBe('/b')
    expect(await expanded('~backup')).toBe('/~backup')
    expect(await expanded('a')).toBe('/a')
    expect(await expanded('~/../../etc')).toBe('/etc')
    expect(await pathOf(request.extended('home-directory', str('')))).toBe('/')
    expect(await pathOf(request.extended('home-directory', str('root')))).toBe('status 2')
  })

  test('fsync waits for what is written; a handle that reads has nothing to wait for', async () => {
    await put('synced', 'abc')
    const reader = await openFile('/synced', FLAGS.read)
    const writer = await openFile('/fsync', NEW)
    raw.send(request.write(writer, 0n, 'bytes'), request.extended('fsync@openssh.com', writer))
    expect([statusOf(await raw.next()), statusOf(await raw.next())]).toEqual([0, 0])
    expect(statusOf(await raw.ask(request.extended('fsync@openssh.com', reader)))).toBe(0)
    expect(statusOf(await raw.ask(request.close(writer)))).toBe(0)
  })

  test('an unknown extension is not supported', async () => {
    expect(statusOf(await raw.ask(request.extended('constructor')))).toBe(8)
  })
})
