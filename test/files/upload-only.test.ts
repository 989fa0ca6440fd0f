import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { DoorName } from '#permissions/conditions.ts'
import { PRESETS, scopesOf } from '#permissions/scopes.ts'
import { at, expectFault, type FilesWorld, get, metadataWith, put, startFiles } from './setup.ts'

const UPLOAD_ONLY = PRESETS.get('upload_only') ?? 0
const HTTP: readonly DoorName[] = ['webdav', 's3', 'rest']
const CONNECTED: readonly DoorName[] = ['sftp', 'ftp']

let world: FilesWorld
beforeEach(async () => {
  world = await startFiles()
  const { files } = world.as()
  await files.mkdir(at('/in'))
  await put(files, '/in/theirs', 'theirs')
})
afterEach(async () => {
  expect(await get(world.as().files, '/in/theirs')).toBe('theirs')
  await world[Symbol.asyncDispose]()
})

const session = (door: DoorName, id = 'uploader', scopes = UPLOAD_ONLY) =>
  world.as({ door, id, scopes }).files

describe.each([...HTTP, ...CONNECTED])('S4: upload_only over %s', (door) => {
  test('makes files and folders, resumes and replaces its own, and never those of others', async () => {
    const files = session(door)
    await put(files, '/in/mine', 'one')
    await put(files, '/in/mine', 'two')
    await using resumed = await files.edit(at('/in/mine'))
    await resumed.write([Buffer.from(' and more')], 3)
    await resumed.commit()
    await files.setModified(at('/in/mine'), 1_600_000_000_000)
    await put(files, '/in/mine', 'three')
    expect(await get(world.as().files, '/in/mine')).toBe('three')
    await files.mkdir(at('/in/folder'))
    await put(files, '/in/folder/x', 'x')
    await expectFault(files.create(at('/in/theirs')), 'forbidden')
    await expectFault(files.edit(at('/in/theirs')), 'forbidden')
    await expectFault(files.setModified(at('/in/theirs'), 0), 'forbidden')
    await expectFault(files.stat(at('/in/mine')), 'not_found')
    await expectFault(files.open(at('/in/mine')), 'not_found')
    await expectFault(files.list(at('/in/folder')), 'not_found')
  })

  test('what it uploaded is not its own any more once somebody else wrote it', async () => {
    const files = session(door)
    await put(files, '/in/mine', 'mine')
    await put(world.as().files, '/in/mine', 'changed')
    await expectFault(files.create(at('/in/mine')), 'forbidden')
    await put(files, '/in/other', 'mine')
    await writeFile(join(world.root, 'in/other'), 'from outside')
    await expectFault(files.create(at('/in/other')), 'forbidden')
  })

  test('a file that appears during the upload stays', async () => {
    const files = session(door)
    await using upload = await files.create(at('/in/race'))
    await upload.write([Buffer.from('late')], 0)
    await put(world.as().files, '/in/race', 'first')
    await expectFault(upload.commit(), 'forbidden')
    expect(await get(world.as().files, '/in/race')).toBe('first')
  })

  test('another key does not replace it', async () => {
    await put(session(door), '/in/mine', 'mine')
    await expectFault(session(door, 'somebody').create(at('/in/mine')), 'forbidden')
  })
})

test.each(CONNECTED)('S4: over %s the session remembers, and the next one does not', async (door) => {
  await put(session(door), '/in/mine', 'mine')
  await expectFault(session(door).create(at('/in/mine')), 'forbidden')
})

test.each(HTTP)('S4: over %s a request is a session, so the key remembers, for an hour', async (door) => {
  await put(session(door), '/in/mine', 'one')
  await put(session(door), '/in/mine', 'two')
  world.clock.advance(3_600_000)
  await expectFault(session(door).create(at('/in/mine')), 'forbidden')
})

test('S4: guests share a key, and only one address replaces what it uploaded', async () => {
  const guest = (address: string) =>
    world.as({ kind: 'guest', user: null, door: 'webdav', scopes: UPLOAD_ONLY, address }).files
  await put(guest('192.0.2.1'), '/in/mine', 'one')
  await put(guest('192.0.2.1'), '/in/mine', 'two')
  await expectFault(guest('192.0.2.2').create(at('/in/mine')), 'forbidden')
})

test('S4 over WebDAV: LOCK makes the file that PUT then fills, and locks nothing of others', async () => {
  const lock = { reach: 'entry', scope: 'exclusive', owner: '', seconds: 60 } as const
  const taken = await session('webdav').locks.take(at('/in/new'), lock)
  expect(taken.created).toBe(true)
  await using upload = await session('webdav').create(at('/in/new'), { tokens: [taken.lock.token] })
  await upload.write([Buffer.from('filled')], 0)
  await upload.commit()
  expect(await get(world.as().files, '/in/new')).toBe('filled')
  await expectFault(session('webdav').locks.take(at('/in/theirs'), lock), 'forbidden')
  await expectFault(session('webdav').locks.take(at('/in'), lock), 'forbidden')
})

test('S4 over S3: a multipart upload makes a new object and replaces no other', async () => {
  const given = { metadata: metadataWith(''), checksum: null }
  await expectFault(session('s3').uploads.start(at('/in/theirs'), given), 'forbidden')
  const etag = '0'.repeat(32)
  const upload = async (path: string, text: string) => {
    const { id } = await session('s3').uploads.start(at(path), given)
    await using part = await session('s3').uploads.part(at(path), id, 1)
    await part.write([Buffer.from(text)], 0)
    await part.commit({ etag, checksums: {} })
    return () => session('s3').uploads.complete(at(path), id, [1], metadataWith('e'))
  }
  const [first, second] = [await upload('/in/big', 'one'), await upload('/in/late', 'late')]
  await first()
  await (await upload('/in/big', 'two'))()
  expect(await get(world.as().files, '/in/big')).toBe('two')
  await put(world.as().files, '/in/late', 'first')
  await expectFault(second(), 'forbidden')
})

test('S4: copy and rename do not overwrite for it either', async () => {
  const scopes = UPLOAD_ONLY | scopesOf('files.copy', 'files.rename')
  const files = session('rest', 'k', scopes)
  await put(files, '/in/mine', 'mine')
  for (const overwrite of [true, false]) {
    await expectFault(files.copy(at('/in/mine'), at('/in/theirs'), { overwrite }), 'forbidden')
    await expectFault(files.rename(at('/in/mine'), at('/in/theirs'), { overwrite }), 'forbidden')
  }
})

test('a key that may list or read replaces as before', async () => {
  for (const scope of ['files.list', 'files.read'] as const) {
    const files = session('rest', 'k', UPLOAD_ONLY | scopesOf(scope))
    await put(files, '/in/theirs', 'theirs')
  }
})
