import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { at, type FilesWorld, get, metadataWith, names, put, startFiles } from './setup.ts'

let world: FilesWorld
let staging: string
let dead: string
beforeEach(async () => {
  world = await startFiles({ durable: true })
  staging = join(world.root, '.latchkey/staging')
  // No process has this id: what a killed server leaves looks so.
  dead = join(staging, '4194400.1.abc')
})
afterEach(async () => {
  expect(world.errors).toEqual([])
  await world[Symbol.asyncDispose]()
})

test('F2: what a crash left in staging is gone after the next start', async () => {
  const { files } = world.as()
  await put(files, '/a', 'old')
  await using _upload = await files.create(at('/a'))
  const [mine = ''] = await readdir(staging)
  await cp(join(staging, mine), dead, { recursive: true })
  await mkdir(join(dead, 'tree.0/sub'), { recursive: true })
  await writeFile(join(dead, 'tree.0/sub/file'), 'x')
  await world.restart().sweep()
  expect(await readdir(staging)).not.toContain('4194400.1.abc')
  expect(await world.staged()).toHaveLength(1)
  expect(await get(files, '/a')).toBe('old')
})

test('a replacement that a crash cut between its two steps is undone', async () => {
  const { files } = world.as()
  await files.mkdir(at('/d'))
  await put(files, '/d/kept', 'kept')
  await mkdir(dead, { recursive: true })
  await writeFile(join(dead, 'abc.aside'), '/d')
  await rename(join(world.root, 'd'), join(dead, 'abc.0'))
  await world.restart().sweep()
  expect(await get(files, '/d/kept')).toBe('kept')
  expect(await names(files, '/')).toEqual(['d/'])
})

test('a replacement that was done before the crash stays, and what it replaced goes', async () => {
  const { files } = world.as()
  await files.mkdir(at('/d'))
  await put(files, '/d/new', 'new')
  await mkdir(join(dead, 'abc.0'), { recursive: true })
  await writeFile(join(dead, 'abc.0/old'), 'old')
  await writeFile(join(dead, 'abc.aside'), '/d')
  await writeFile(join(dead, 'never.aside'), '')
  await world.restart().sweep()
  expect(await names(files, '/d')).toEqual(['new'])
  expect(await world.staged()).toEqual([])
})

test('while others go on, a dead process’s replacement is undone once, and never again over what came later', async () => {
  const { files } = world.as()
  await files.mkdir(at('/d'))
  await put(files, '/d/kept', 'kept')
  await mkdir(dead, { recursive: true })
  await writeFile(join(dead, 'abc.aside'), '/d')
  await rename(join(world.root, 'd'), join(dead, 'abc.0'))
  await mkdir(join(dead, 'xyz.0'))
  await writeFile(join(dead, 'xyz.aside'), '/e')
  await files.mkdir(at('/e'))
  const beside = world.restart()
  await beside.restore()
  expect(await get(files, '/d/kept')).toBe('kept')
  await files.remove(at('/d'), { tree: true })
  await files.remove(at('/e'))
  await beside.sweepStaging()
  expect(await names(files, '/')).toEqual([])
  expect(await world.staged()).toEqual([])
})

test('a metadata row written for a version that was never published matches nothing', async () => {
  const { files } = world.as()
  await put(files, '/a', 'old')
  await using upload = await files.create(at('/a'))
  world.stores.metadata.rows.push({
    place: { mountId: 'm0', path: at('/a') },
    fingerprint: { ino: 1n, size: 3, mtimeNs: 5n },
    metadata: metadataWith('never'),
  })
  expect(await files.metadata([await files.stat(at('/a'))])).toEqual([null])
  await upload.commit()
  expect(world.stores.metadata.rows).toEqual([])
})

test('staging that someone removes is made again', async () => {
  const { files } = world.as()
  await put(files, '/a', '1')
  await rm(join(world.root, '.latchkey'), { recursive: true })
  await put(files, '/a', '2')
  expect(await get(files, '/a')).toBe('2')
  expect(await readFile(join(world.root, 'a'), 'utf8')).toBe('2')
})
