import { chmod, mkdir, readFile, stat as statReal, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { at, expectFault, type FilesWorld, get, metadataWith, names, put, startFiles } from './setup.ts'

let world: FilesWorld
beforeEach(async () => {
  world = await startFiles()
})
afterEach(async () => {
  expect(world.errors).toEqual([])
  await world[Symbol.asyncDispose]()
})

const KEEP = { overwrite: false }
const REPLACE = { overwrite: true }

async function tree() {
  const { files } = world.as()
  await files.mkdir(at('/t'))
  await files.mkdir(at('/t/sub'))
  await put(files, '/t/a', 'a')
  await put(files, '/t/sub/b', 'b')
  return files
}

describe('rename', () => {
  test('a file and a folder get their new names', async () => {
    const files = await tree()
    expect(await files.rename(at('/t/a'), at('/t/c'), KEEP)).toBe('created')
    expect(await files.rename(at('/t'), at('/u'), KEEP)).toBe('created')
    expect(await names(files, '/u')).toEqual(['c', 'sub/'])
    expect(await get(files, '/u/sub/b')).toBe('b')
  })

  test('what is there is replaced only when asked', async () => {
    const files = await tree()
    await put(files, '/x', 'x')
    await expectFault(files.rename(at('/x'), at('/t/a'), KEEP), 'exists')
    expect(await files.rename(at('/x'), at('/t/a'), REPLACE)).toBe('replaced')
    expect(await get(files, '/t/a')).toBe('x')
    await files.mkdir(at('/u'))
    await put(files, '/u/only', '1')
    await expectFault(files.rename(at('/u'), at('/t'), KEEP), 'exists')
    expect(await files.rename(at('/u'), at('/t'), REPLACE)).toBe('replaced')
    expect(await names(files, '/t')).toEqual(['only'])
  })

  test('WebDAV 20: onto itself, into its own tree, onto its own ancestor is forbidden and harms nothing', async () => {
    const files = await tree()
    for (const [from, to] of [
      ['/t', '/t'],
      ['/t', '/t/sub/t'],
      ['/t/sub', '/t'],
      ['/t/a', '/t/a'],
    ] as const) {
      await expectFault(files.rename(at(from), at(to), REPLACE), 'forbidden')
      await expectFault(files.copy(at(from), at(to), REPLACE), 'forbidden')
    }
    expect(await names(files, '/t')).toEqual(['a', 'sub/'])
    expect(await get(files, '/t/sub/b')).toBe('b')
  })

  test('a missing source or folder', async () => {
    const files = await tree()
    await expectFault(files.rename(at('/none'), at('/x'), KEEP), 'not_found')
    await expectFault(files.rename(at('/none/x'), at('/x'), KEEP), 'not_found')
    await expectFault(files.rename(at('/t/a'), at('/none/a'), KEEP), 'no_parent')
    await expectFault(files.rename(at('/t/a'), at('/x'), { ...REPLACE, ifVersion: '00' }), 'precondition')
  })
})

describe('copy', () => {
  test('a file, and a whole tree', async () => {
    const files = await tree()
    expect(await files.copy(at('/t/a'), at('/t/c'), KEEP)).toBe('created')
    expect(await files.copy(at('/t'), at('/u'), KEEP)).toBe('created')
    expect(await names(files, '/u')).toEqual(['a', 'c', 'sub/'])
    expect(await get(files, '/u/sub/b')).toBe('b')
    await put(files, '/u/a', 'changed')
    expect(await get(files, '/t/a')).toBe('a')
    expect(await world.staged()).toEqual([])
  })

  test('shallow copies the folder alone', async () => {
    const files = await tree()
    await files.copy(at('/t'), at('/u'), { ...KEEP, shallow: true })
    expect(await names(files, '/u')).toEqual([])
  })

  test('what is there is replaced whole, and only when asked', async () => {
    const files = await tree()
    await files.mkdir(at('/u'))
    await put(files, '/u/old', 'old')
    await expectFault(files.copy(at('/t'), at('/u'), KEEP), 'exists')
    expect(await files.copy(at('/t'), at('/u'), REPLACE)).toBe('replaced')
    expect(await names(files, '/u')).toEqual(['a', 'sub/'])
    expect(await files.copy(at('/t/a'), at('/u'), REPLACE)).toBe('replaced')
    expect(await get(files, '/u')).toBe('a')
    expect(await files.copy(at('/t'), at('/u'), REPLACE)).toBe('replaced')
    expect(await get(files, '/u/sub/b')).toBe('b')
    await expectFault(files.copy(at('/t'), at('/none/u'), KEEP), 'no_parent')
  })

  test('a large file is copied by reading where blocks cannot be shared, and can be stopped', async () => {
    const caller = world.as()
    const size = 80 * 1024 * 1024
    await using upload = await caller.files.create(at('/big'))
    await upload.write([Buffer.from('begin')], 0)
    await upload.write([Buffer.from('end')], size - 3)
    await upload.commit()
    await caller.files.copy(at('/big'), at('/copy'), KEEP)
    await using file = await caller.files.open(at('/copy'))
    expect(file.entry.size).toBe(size)
    const tail = Buffer.alloc(3)
    await file.read(tail, size - 3)
    expect(tail.toString()).toBe('end')
    const copying = caller.files.copy(at('/big'), at('/cut'), KEEP)
    setTimeout(() => caller.revoke(), 5)
    await copying.catch((error) => expect(error).toMatchObject({ code: 'unauthenticated' }))
    expect(await world.staged()).toEqual([])
  })
})

describe('remove', () => {
  test('a file, an empty folder, a tree', async () => {
    const files = await tree()
    await expectFault(files.remove(at('/t')), 'not_empty')
    await files.remove(at('/t/sub/b'))
    await files.remove(at('/t/sub'))
    await files.remove(at('/t'), { tree: true })
    expect(await names(files, '/')).toEqual([])
    await expectFault(files.remove(at('/t')), 'not_found')
    await expectFault(files.remove(at('/')), 'forbidden')
  })

  test('goes past links without touching what they lead to', async () => {
    const files = await tree()
    const outside = join(world.root, '../outside')
    await mkdir(outside)
    await writeFile(join(outside, 'precious'), 'p')
    await symlink(outside, join(world.root, 't/link'))
    await files.remove(at('/t'), { tree: true })
    await world.service[Symbol.asyncDispose]()
    expect(await readFile(join(outside, 'precious'), 'utf8')).toBe('p')
    expect(await world.staged()).toEqual([])
  })
})

describe('object metadata', () => {
  const described = metadataWith('abc')

  async function describedFile(path: string) {
    const { files } = world.as()
    await using upload = await files.create(at(path))
    await upload.write([Buffer.from('x')], 0)
    await upload.commit({ metadata: described })
    return files
  }

  const etagAt = async (path: string) => {
    const { files } = world.as()
    return (await files.metadata([await files.stat(at(path))]))[0]?.etag
  }

  test('S3 35: stays through rename of the file and of its folder, and through a new time', async () => {
    const { files } = world.as()
    await files.mkdir(at('/d'))
    await describedFile('/d/a')
    await files.rename(at('/d/a'), at('/d/b'), KEEP)
    await files.rename(at('/d'), at('/e'), KEEP)
    expect(await etagAt('/e/b')).toBe('abc')
    await files.setModified(at('/e/b'), 1_500_000_000_123)
    expect(await etagAt('/e/b')).toBe('abc')
  })

  test('S3 34: is gone when another door writes the file', async () => {
    const files = await describedFile('/a')
    await put(files, '/a', 'y')
    expect(await etagAt('/a')).toBeUndefined()
    expect(world.stores.metadata.rows).toEqual([])
  })

  test('is gone with the file, and when another program changes it', async () => {
    const files = await describedFile('/a')
    await writeFile(join(world.root, 'a'), 'changed')
    expect(await etagAt('/a')).toBeUndefined()
    await files.purge(at('/a'))
    expect(world.stores.metadata.rows).toEqual([])
  })

  test('is copied with a file and with the files of a tree, or replaced', async () => {
    const { files } = world.as()
    await files.mkdir(at('/d'))
    await describedFile('/d/a')
    await files.copy(at('/d'), at('/e'), KEEP)
    expect(await etagAt('/e/a')).toBe('abc')
    await files.copy(at('/d/a'), at('/e/a'), { ...REPLACE, metadata: metadataWith('new') })
    expect(await etagAt('/e/a')).toBe('new')
    const before = await files.stat(at('/e/a'))
    await files.copy(at('/e/a'), at('/e/a'), { ...REPLACE, metadata: metadataWith('newer') })
    expect(await etagAt('/e/a')).toBe('newer')
    expect(await files.stat(at('/e/a'))).toEqual(before)
  })
})

describe('modes and times', () => {
  test('new files are 644, new folders 755, and an overwritten file keeps its mode', async () => {
    const files = await tree()
    const mask = ~process.umask() & 0o777
    const mode = async (name: string) => (await statReal(join(world.root, name))).mode & 0o7777
    expect(await mode('t/a')).toBe(0o644 & mask)
    expect(await mode('t/sub')).toBe(0o755 & mask)
    await chmod(join(world.root, 't/a'), 0o640)
    await put(files, '/t/a', 'again')
    expect(await mode('t/a')).toBe(0o640)
    await chmod(join(world.root, 't/a'), 0o4755)
    await put(files, '/t/a', 'again')
    expect(await mode('t/a')).toBe(0o755)
  })

  test('setModified works for files and folders, and not without the right time', async () => {
    const files = await tree()
    for (const path of ['/t', '/t/a']) {
      const entry = await files.setModified(at(path), 1_400_000_000_999)
      expect(Math.floor(entry.modified)).toBe(1_400_000_000_999)
      await expectFault(files.setModified(at(path), Number.POSITIVE_INFINITY), 'invalid')
    }
    await expectFault(files.setModified(at('/none'), 1), 'not_found')
  })
})

test('space tells of the file system', async () => {
  const { files } = world.as()
  expect((await files.space(at('/'))).total).toBeGreaterThan(0)
})

test('a read-only mount is read and not changed', async () => {
  await using still = await startFiles({ readOnly: true })
  await writeFile(join(still.root, 'a'), 'x')
  const { files } = still.as()
  expect(await get(files, '/a')).toBe('x')
  await expectFault(files.create(at('/b')), 'forbidden')
  await expectFault(files.edit(at('/a')), 'forbidden')
  await expectFault(files.mkdir(at('/d')), 'forbidden')
  await expectFault(files.remove(at('/a')), 'forbidden')
  await expectFault(files.rename(at('/a'), at('/b'), KEEP), 'forbidden')
  await expectFault(files.copy(at('/a'), at('/b'), KEEP), 'forbidden')
  await expectFault(files.setModified(at('/a'), 0), 'forbidden')
  await expectFault(
    files.uploads.start(at('/b'), { metadata: metadataWith(''), checksum: null }),
    'forbidden',
  )
  expect(await names(files, '/')).toEqual(['a'])
})
