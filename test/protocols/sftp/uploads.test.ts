import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { rightsOf } from '#permissions/grants.ts'
import { scopesOf } from '#permissions/scopes.ts'
import { startWorld, type World, type WorldKey } from '#test/world.ts'
import { attributesOf, FLAGS, handleOf, NEW, openRaw, type Raw, request, statusOf } from './client.ts'

let world: World
let key: WorldKey
let port: number

beforeAll(async () => {
  world = await startWorld()
  key = await world.issue()
  port = (await world.start('sftp')).port
})
afterAll(() => world[Symbol.asyncDispose]())

const open = () => openRaw(port, key)
const onDisk = (name: string) => readFile(join(world.root, name), 'utf8')
const put = (name: string, text: string) => writeFile(join(world.root, name), text)

/** What is staged in the mount's hidden folder; what is kept of lost connections is another. */
async function leftInStaging(): Promise<string[]> {
  const all = await readdir(world.root, { recursive: true, withFileTypes: true })
  return all
    .filter((entry) => entry.isFile() && entry.parentPath.includes('/.latchkey/staging/'))
    .map(({ name }) => name)
}

async function eventually(holds: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 100; i++) {
    if (await holds()) return
    await delay(20)
  }
  throw new Error('it did not come true within 2 s')
}

async function openFile(raw: Raw, path: string, flags: number): Promise<Buffer> {
  return handleOf(await raw.ask(request.open(path, flags)))
}

describe('F2: an upload becomes visible whole or not at all', () => {
  test('WRITE, FSETSTAT and CLOSE sent in one go (lftp) publish all bytes with their time', async () => {
    using raw = await open()
    const data = Buffer.alloc(100_000, 'lftp')
    for (let i = 0; i < 50; i++) {
      const handle = await openFile(raw, `/piped-${i}`, NEW)
      raw.send(
        request.write(handle, 0n, data),
        request.fsetstat(handle, BigInt(data.length), 1_600_000_000),
        request.close(handle),
      )
      expect([statusOf(await raw.next()), statusOf(await raw.next()), statusOf(await raw.next())]).toEqual([
        0, 0, 0,
      ])
      const file = join(world.root, `piped-${i}`)
      expect((await readFile(file)).equals(data)).toBe(true)
      expect((await stat(file)).mtimeMs).toBe(1_600_000_000_000)
    }
  })

  test('before CLOSE only the session itself sees it (check 9)', async () => {
    using raw = await open()
    using other = await open()
    const handle = await openFile(raw, '/unseen', NEW)
    await raw.ask(request.write(handle, 0n, 'hello'))
    expect(attributesOf(await raw.ask(request.stat('/unseen'))).size).toBe(5)
    expect(statusOf(await other.ask(request.stat('/unseen')))).toBe(2)
    expect(statusOf(await raw.ask(request.close(handle)))).toBe(0)
    expect(attributesOf(await other.ask(request.stat('/unseen'))).size).toBe(5)
  })

  test('OPEN and LSTAT of the same path sent in one go (sshfs) are done in order', async () => {
    using raw = await open()
    raw.send(request.open('/in-order', NEW), request.stat('/in-order'))
    handleOf(await raw.next())
    expect(attributesOf(await raw.next()).size).toBe(0)
  })

  test('the old file stays until CLOSE', async () => {
    await put('replaced', 'old')
    using raw = await open()
    const handle = await openFile(raw, '/replaced', NEW)
    await raw.ask(request.write(handle, 0n, 'new'))
    expect(await onDisk('replaced')).toBe('old')
    await raw.ask(request.close(handle))
    expect(await onDisk('replaced')).toBe('new')
  })

  test('R1: a key that is disabled in the middle is cut within 1 s, nothing is left (check 28)', async () => {
    await put('revoked', 'old')
    const doomed = await world.issue()
    using raw = await openRaw(port, doomed)
    const handle = await openFile(raw, '/revoked', NEW)
    await raw.ask(request.write(handle, 0n, Buffer.alloc(200_000)))
    const before = performance.now()
    await world.disable(doomed.id)
    await raw.ended
    expect(performance.now() - before).toBeLessThan(1000)
    await eventually(async () => (await leftInStaging()).length === 0)
    expect(await onDisk('revoked')).toBe('old')
  })

  test('one failed WRITE, and CLOSE publishes nothing (check 22)', async () => {
    await put('unharmed', 'old')
    using raw = await open()
    const handle = await openFile(raw, '/unharmed', NEW)
    expect(statusOf(await raw.ask(request.write(handle, 0n, 'good')))).toBe(0)
    expect(statusOf(await raw.ask(request.write(handle, 2n ** 63n, 'bad')))).not.toBe(0)
    expect(statusOf(await raw.ask(request.close(handle)))).not.toBe(0)
    expect(await onDisk('unharmed')).toBe('old')
    await eventually(async () => (await leftInStaging()).length === 0)
  })
})

describe('the flags of OPEN', () => {
  test('WRITE alone on a missing file is no such file', async () => {
    using raw = await open()
    expect(statusOf(await raw.ask(request.open('/missing', FLAGS.write)))).toBe(2)
  })

  test('WRITE alone keeps what is there and writes into it (psftp reput)', async () => {
    await put('edited', 'abcdef')
    using raw = await open()
    const handle = await openFile(raw, '/edited', FLAGS.write)
    await raw.ask(request.write(handle, 2n, 'XY'))
    expect(await onDisk('edited')).toBe('abcdef')
    await raw.ask(request.close(handle))
    expect(await onDisk('edited')).toBe('abXYef')
  })

  test('APPEND writes at the end, whatever the offset says', async () => {
    await put('appended', 'abc')
    using raw = await open()
    const handle = await openFile(raw, '/appended', FLAGS.write | FLAGS.append)
    raw.send(request.write(handle, 0n, 'd'), request.write(handle, 0n, 'ef'), request.close(handle))
    expect([statusOf(await raw.next()), statusOf(await raw.next()), statusOf(await raw.next())]).toEqual([
      0, 0, 0,
    ])
    expect(await onDisk('appended')).toBe('abcdef')
  })

  test('EXCL refuses what is there, and what came there in the meantime', async () => {
    await put('taken', 'first')
    using raw = await open()
    const exclusive = NEW | FLAGS.exclusive
    expect(statusOf(await raw.ask(request.open('/taken', exclusive)))).toBe(4)
    const handle = await openFile(raw, '/raced', exclusive)
    await raw.ask(request.write(handle, 0n, 'mine'))
    await put('raced', 'theirs')
    expect(statusOf(await raw.ask(request.close(handle)))).toBe(4)
    expect(await onDisk('raced')).toBe('theirs')
  })

  test('a folder is not opened', async () => {
    using raw = await open()
    await raw.ask(request.mkdir('/a-folder', 0o755))
    expect(statusOf(await raw.ask(request.open('/a-folder', FLAGS.read)))).toBe(8)
    expect(statusOf(await raw.ask(request.open('/a-folder', NEW)))).toBe(4)
  })

  test('a handle does only what it was opened for', async () => {
    await put('one-way', 'abc')
    using raw = await open()
    const reader = await openFile(raw, '/one-way', FLAGS.read)
    const writer = await openFile(raw, '/one-way', FLAGS.write)
    expect(statusOf(await raw.ask(request.write(reader, 0n, 'x')))).toBe(3)
    expect(statusOf(await raw.ask(request.read(writer, 0n, 3)))).toBe(3)
  })

  test('at most 256 handles are open in a session', async () => {
    await put('many', 'abc')
    using raw = await open()
    let last: Buffer = Buffer.alloc(0)
    for (let i = 0; i < 256; i++) last = await openFile(raw, '/many', FLAGS.read)
    expect(statusOf(await raw.ask(request.open('/many', FLAGS.read)))).toBe(4)
    await raw.ask(request.close(last))
    await openFile(raw, '/many', FLAGS.read)
  })
})

describe('names of files that are being written', () => {
  test('READ and WRITE of the same bytes, sent together, take effect in their order', async () => {
    using raw = await open()
    const handle = handleOf(await raw.ask(request.open('/order', NEW | FLAGS.read)))
    for (let round = 0; round < 100; round++) {
      raw.send(request.write(handle, 0n, Buffer.alloc(4, round)))
      raw.send(request.read(handle, 0n, 4))
    }
    for (let round = 0; round < 100; round++) {
      expect(statusOf(await raw.next())).toBe(0)
      expect((await raw.next()).body.subarray(4)).toEqual(Buffer.alloc(4, round))
    }
    expect(statusOf(await raw.ask(request.close(handle)))).toBe(0)
  })

  test('a second handle reads the staged bytes, and the published ones after CLOSE (sshfs)', async () => {
    using raw = await open()
    const writer = await openFile(raw, '/shared', NEW)
    await raw.ask(request.write(writer, 0n, 'staged'))
    const reader = await openFile(raw, '/shared', FLAGS.read)
    expect((await raw.ask(request.read(reader, 0n, 100))).body.subarray(4).toString()).toBe('staged')
    await raw.ask(request.close(writer))
    expect((await raw.ask(request.read(reader, 3n, 100))).body.subarray(4).toString()).toBe('ged')
    expect(statusOf(await raw.ask(request.close(reader)))).toBe(0)
  })

  test('two writers share the file; the last CLOSE publishes it', async () => {
    using raw = await open()
    const first = await openFile(raw, '/both', NEW)
    const second = await openFile(raw, '/both', FLAGS.write)
    await raw.ask(request.write(first, 0n, 'one'))
    await raw.ask(request.close(first))
    expect(await readdir(world.root)).not.toContain('both')
    await raw.ask(request.write(second, 3n, 'two'))
    await raw.ask(request.close(second))
    expect(await onDisk('both')).toBe('onetwo')
  })

  test('RENAME of an open file moves it when it is published', async () => {
    using raw = await open()
    const handle = await openFile(raw, '/open.part', NEW)
    await raw.ask(request.write(handle, 0n, 'moved'))
    expect(statusOf(await raw.ask(request.rename('/open.part', '/open.done')))).toBe(0)
    expect(attributesOf(await raw.ask(request.stat('/open.done'))).size).toBe(5)
    expect(statusOf(await raw.ask(request.close(handle)))).toBe(0)
    expect(await onDisk('open.done')).toBe('moved')
    expect(await readdir(world.root)).not.toContain('open.part')
  })

  test('REMOVE of an open file drops it', async () => {
    using raw = await open()
    const handle = await openFile(raw, '/dropped', NEW)
    await raw.ask(request.write(handle, 0n, 'x'))
    expect(statusOf(await raw.ask(request.remove('/dropped')))).toBe(0)
    expect(statusOf(await raw.ask(request.stat('/dropped')))).toBe(2)
    expect(statusOf(await raw.ask(request.write(handle, 1n, 'y')))).toBe(0)
    expect(statusOf(await raw.ask(request.close(handle)))).toBe(0)
    expect(await readdir(world.root)).not.toContain('dropped')
    expect(await leftInStaging()).toEqual([])
  })

  test('a folder in which a file is being written is neither removed nor renamed', async () => {
    using raw = await open()
    await raw.ask(request.mkdir('/busy', 0o755))
    const handle = await openFile(raw, '/busy/file', NEW)
    expect(statusOf(await raw.ask(request.rename('/busy', '/idle')))).toBe(4)
    expect(statusOf(await raw.ask(request.close(handle)))).toBe(0)
    expect(statusOf(await raw.ask(request.rename('/busy', '/idle')))).toBe(0)
  })
})

describe('what the key may do', () => {
  test('without files.write every change is permission denied, and reading goes on', async () => {
    await put('readable', 'text')
    const reader = await world.issue({ scopes: scopesOf('sftp', 'files.list', 'files.read', 'folders.read') })
    using raw = await openRaw(port, reader)
    expect(statusOf(await raw.ask(request.open('/new', NEW)))).toBe(3)
    expect(statusOf(await raw.ask(request.open('/readable', FLAGS.write)))).toBe(3)
    expect(statusOf(await raw.ask(request.mkdir('/new', 0o755)))).toBe(3)
    expect(statusOf(await raw.ask(request.remove('/readable')))).toBe(3)
    expect(statusOf(await raw.ask(request.rename('/readable', '/renamed')))).toBe(3)
    const handle = await openFile(raw, '/readable', FLAGS.read)
    expect((await raw.ask(request.read(handle, 0n, 9))).body.subarray(4).toString()).toBe('text')
  })

  test('S4: who may only upload puts a file and reads nothing, not through a handle for both either', async () => {
    await put('secret', 'old bytes')
    const uploader = await world.issue({
      user: 'uploader',
      role: 'member',
      scopes: scopesOf('sftp', 'files.write'),
      grants: [{ path: '/', rights: rightsOf('write') }],
    })
    using raw = await openRaw(port, uploader)
    const handle = await openFile(raw, '/dropbox', NEW)
    expect(statusOf(await raw.ask(request.write(handle, 0n, 'mine')))).toBe(0)
    expect(attributesOf(await raw.ask(request.stat('/dropbox'))).size).toBe(4)
    expect(statusOf(await raw.ask(request.close(handle)))).toBe(0)
    expect(await onDisk('dropbox')).toBe('mine')
    for (const flags of [FLAGS.read, FLAGS.read | FLAGS.write, FLAGS.read | FLAGS.append | FLAGS.create]) {
      expect([2, 3]).toContain(statusOf(await raw.ask(request.open('/secret', flags))))
    }
    expect(await onDisk('secret')).toBe('old bytes')
    expect(await leftInStaging()).toEqual([])
  })
})
