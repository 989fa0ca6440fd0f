import { mkdir, readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { rightsOf } from '#permissions/grants.ts'
import { at, expectFault, get, metadataWith, names, put, startFiles } from './setup.ts'

const KEEP = { overwrite: false }

describe('mounts within the tree', () => {
  test('the longest path by segment keeps it', async () => {
    await using world = await startFiles({ mounts: ['/', '/ab', '/ab/deep'] })
    const { files } = world.as()
    await put(files, '/abc', 'root')
    await put(files, '/ab/x', 'one')
    await put(files, '/ab/deep/y', 'two')
    expect(await readdir(join(world.root, '../mount-0'))).toContain('abc')
    expect(await readdir(join(world.root, '../mount-1'))).toContain('x')
    expect(await readdir(join(world.root, '../mount-2'))).toContain('y')
    expect(await names(files, '/')).toEqual(['ab/', 'abc'])
    expect(await names(files, '/ab')).toEqual(['deep/', 'x'])
    expect(await get(files, '/ab/deep/y')).toBe('two')
    expect(await files.stat(at('/ab/deep'))).toMatchObject({ path: '/ab/deep', name: 'deep', kind: 'folder' })
  })

  test('without a mount at / the way to the mounts is there, and nothing can be put on it', async () => {
    await using world = await startFiles({ mounts: ['/x/one', '/x/two'] })
    const { files } = world.as()
    expect(await names(files, '/')).toEqual(['x/'])
    expect(await names(files, '/x')).toEqual(['one/', 'two/'])
    expect((await files.stat(at('/x'))).kind).toBe('folder')
    await put(files, '/x/one/a', 'a')
    await expectFault(files.create(at('/x/b')), 'forbidden')
    await expectFault(files.stat(at('/x/none')), 'not_found')
    await expectFault(files.list(at('/none')), 'not_found')
    await expectFault(files.open(at('/x')), 'unsupported')
  })

  test('mount points come in order, page by page', async () => {
    await using world = await startFiles({ mounts: ['/', '/b', '/d'] })
    const { files } = world.as()
    for (const name of ['a', 'c', 'e']) await put(files, `/${name}`, '')
    for (const limit of [1, 2, 3, 10]) {
      const seen: string[] = []
      let after: string | null = ''
      while (after !== null) {
        const page: Awaited<ReturnType<typeof files.list>> = await files.list(at('/'), { after, limit })
        expect(page.entries.length).toBeLessThanOrEqual(limit)
        seen.push(...page.entries.map((entry) => entry.name))
        after = page.next
      }
      expect(seen).toEqual(['a', 'b', 'c', 'd', 'e'])
    }
  })

  test('a mount point, and a folder that holds one, is not renamed, removed or replaced', async () => {
    await using world = await startFiles({ mounts: ['/', '/d/m'] })
    const { files } = world.as()
    await put(files, '/d/m/a', 'a')
    await put(files, '/x', 'x')
    for (const path of ['/d', '/d/m', '/']) {
      await expectFault(files.remove(at(path), { tree: true }), 'forbidden')
      if (path !== '/') await expectFault(files.rename(at(path), at('/y'), KEEP), 'forbidden')
      if (path !== '/') await expectFault(files.rename(at('/x'), at(path), { overwrite: true }), 'forbidden')
    }
    expect(await get(files, '/d/m/a')).toBe('a')
  })

  test('copy goes over the border, rename takes files over it and refuses folders', async () => {
    await using world = await startFiles({ mounts: ['/', '/m'] })
    const { files } = world.as()
    await files.mkdir(at('/d'))
    await using upload = await files.create(at('/d/a'))
    await upload.write([Buffer.from('content')], 0)
    await upload.commit({ metadata: metadataWith('e'), modified: 1_600_000_000_000 })
    await files.copy(at('/d'), at('/m/copy'), KEEP)
    expect(await get(files, '/m/copy/a')).toBe('content')
    await expectFault(files.rename(at('/d'), at('/m/d'), KEEP), 'unsupported')
    await files.rename(at('/d/a'), at('/m/a'), KEEP)
    expect(await names(files, '/d')).toEqual([])
    const moved = await files.stat(at('/m/a'))
    expect(moved.modified).toBe(1_600_000_000_000)
    expect(await files.metadata([moved])).toMatchObject([{ etag: 'e' }])
  })

  test('S2: a mount that the key does not have is not listed', async () => {
    await using world = await startFiles({ mounts: ['/', '/m'] })
    const { files } = world.as({ storages: ['m0'] })
    expect(await names(files, '/')).toEqual([])
    await expectFault(files.stat(at('/m')), 'not_found')
  })

  test('a storage that is away does not hide the others', async () => {
    await using world = await startFiles({ mounts: ['/', '/m'] })
    const { files } = world.as()
    await put(files, '/a', '')
    await rename(join(world.root, '../mount-1'), join(world.root, '../away'))
    expect(await names(files, '/')).toEqual(['a', 'm/'])
    await expectFault(files.list(at('/m')), 'unavailable')
  })

  test('mounts that changed are read again when told', async () => {
    await using world = await startFiles({ mounts: ['/', '/m'] })
    const { files } = world.as()
    expect(await names(files, '/')).toEqual(['m/'])
    world.stores.mounts.records.pop()
    world.service.forgetMounts('s')
    expect(await names(files, '/')).toEqual([])
  })
})

test('a folder of 1,200 names is paged through whole, by those who see all and those who see some', async () => {
  await using world = await startFiles()
  const { files } = world.as()
  await files.mkdir(at('/d'))
  for (let i = 0; i < 1200; i++) await mkdir(join(world.root, 'd', `n${i}`))
  expect(new Set(await names(files, '/d')).size).toBe(1200)
  const some = world.as({
    role: 'member',
    grants: ['/d/n5', '/d/n1199'].map((path) => ({ path, rights: rightsOf('list') })),
  })
  expect(await names(some.files, '/d')).toEqual(['n1199/', 'n5/'])
})

test('no path leads out of the tree', async () => {
  await using world = await startFiles()
  const { files } = world.as()
  await expectFault(files.list(at('/none')), 'not_found')
  await put(files, '/file', 'x')
  await expectFault(files.list(at('/file')), 'invalid')
  await expectFault(files.open(at('/file/x')), 'not_found')
})
