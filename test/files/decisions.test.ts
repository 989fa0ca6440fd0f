import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { rightsOf } from '#permissions/grants.ts'
import { ALL_SCOPES, type Scope, scopesOf } from '#permissions/scopes.ts'
import { at, expectFault, type FilesWorld, get, names, put, startFiles } from './setup.ts'

let world: FilesWorld
beforeEach(async () => {
  world = await startFiles()
  const { files } = world.as()
  for (const path of ['/demo', '/demo/sub', '/secret', '/secret/deep']) await files.mkdir(at(path))
  await put(files, '/demo/a', 'a')
  await put(files, '/secret/a', 's')
  await put(files, '/secret/deep/x', 'x')
  await put(files, '/top', 't')
})
afterEach(() => world[Symbol.asyncDispose]())

const FULL = rightsOf('list', 'read', 'write', 'delete')
const KEEP = { overwrite: false }

const member = (path: string, rights = FULL, recursive = true) =>
  world.as({ role: 'member', grants: [{ path, rights, recursive }] }).files

describe('U1: no grant, no access', () => {
  test('a member with a grant on /demo sees only demo in /', async () => {
    const files = member('/demo')
    expect(await names(files, '/')).toEqual(['demo/'])
    expect(await names(files, '/demo')).toEqual(['a', 'sub/'])
    expect((await files.stat(at('/'))).kind).toBe('folder')
  })

  test('on the way to a deep grant only the way is seen', async () => {
    const files = member('/secret/deep')
    expect(await names(files, '/')).toEqual(['secret/'])
    expect(await names(files, '/secret')).toEqual(['deep/'])
    expect(await names(files, '/secret/deep')).toEqual(['x'])
    await expectFault(files.stat(at('/secret/a')), 'not_found')
  })

  test('what may not be seen looks as if it were not there, whether it is or not', async () => {
    const files = member('/demo')
    for (const path of ['/secret', '/secret/a', '/top', '/none', '/none/x']) {
      await expectFault(files.stat(at(path)), 'not_found')
      await expectFault(files.list(at(path)), 'not_found')
      await expectFault(files.open(at(path)), 'not_found')
      await expectFault(files.create(at(path)), 'not_found')
      await expectFault(files.edit(at(path)), 'not_found')
      await expectFault(files.remove(at(path), { tree: true }), 'not_found')
      await expectFault(files.rename(at(path), at('/demo/x'), KEEP), 'not_found')
      await expectFault(files.rename(at('/demo/a'), at(path), { overwrite: true }), 'not_found')
      await expectFault(files.copy(at(path), at('/demo/x'), KEEP), 'not_found')
      await expectFault(files.copy(at('/demo/a'), at(path), { overwrite: true }), 'not_found')
      await expectFault(files.setModified(at(path), 0), 'not_found')
      await expectFault(files.locks.covering(at(path)), 'not_found')
    }
    expect(await get(world.as().files, '/secret/a')).toBe('s')
  })

  test('what may be seen but not changed is forbidden', async () => {
    const files = member('/demo', rightsOf('list', 'read'))
    await expectFault(files.create(at('/demo/a')), 'forbidden')
    await expectFault(files.create(at('/demo/new')), 'forbidden')
    await expectFault(files.remove(at('/demo/a')), 'forbidden')
    await expectFault(files.mkdir(at('/demo/d')), 'forbidden')
    await expectFault(files.rename(at('/demo/a'), at('/demo/b'), KEEP), 'forbidden')
    expect(await get(files, '/demo/a')).toBe('a')
  })

  test('write only: uploads go in, nothing comes out', async () => {
    const files = member('/demo', rightsOf('write'))
    await put(files, '/demo/in', 'in')
    await put(files, '/demo/a', 'over')
    expect(await names(files, '/demo')).toEqual([])
    await expectFault(files.open(at('/demo/in')), 'not_found')
    await using upload = await files.edit(at('/demo/a'))
    await expectFault(upload.read(Buffer.alloc(4), 0), 'forbidden')
    expect(await get(world.as().files, '/demo/in')).toBe('in')
  })

  test('a grant on one folder alone does not reach deeper, nor allow to take trees', async () => {
    const files = member('/demo', FULL, false)
    expect(await names(files, '/demo')).toEqual(['a', 'sub/'])
    await expectFault(files.list(at('/demo/sub')), 'forbidden')
    await expectFault(files.create(at('/demo/sub/x')), 'not_found')
    await expectFault(files.remove(at('/demo/sub'), { tree: true }), 'forbidden')
    await expectFault(files.copy(at('/demo/sub'), at('/demo/copy'), KEEP), 'forbidden')
    await expectFault(files.rename(at('/demo/sub'), at('/demo/moved'), KEEP), 'forbidden')
  })
})

describe('scopes, base path and role', () => {
  const without = (...scopes: Scope[]) => world.as({ scopes: ALL_SCOPES & ~scopesOf(...scopes) }).files

  test('S: each missing scope blocks its operation', async () => {
    await expectFault(without('files.write').create(at('/demo/x')), 'forbidden')
    await expectFault(without('files.write').mkdir(at('/demo/x')), 'forbidden')
    await expectFault(without('files.read').open(at('/demo/a')), 'forbidden')
    await expectFault(without('files.delete').remove(at('/demo/a')), 'forbidden')
    await expectFault(without('files.purge').purge(at('/demo/a')), 'forbidden')
    await expectFault(without('files.delete').purge(at('/demo/a')), 'forbidden')
    await expectFault(without('files.rename').rename(at('/demo/a'), at('/demo/b'), KEEP), 'forbidden')
    await expectFault(without('files.copy').copy(at('/demo/a'), at('/demo/b'), KEEP), 'forbidden')
    await expectFault(without('folders.write').mkdir(at('/new')), 'forbidden')
    await expectFault(without('folders.purge').purge(at('/demo'), { tree: true }), 'forbidden')
    await expectFault(without('folders.write').remove(at('/demo'), { tree: true }), 'forbidden')
    await expectFault(without('folders.read').list(at('/')), 'forbidden')
    await expectFault(without('rest').stat(at('/demo')), 'forbidden')
  })

  test('S4: upload_only puts files where it cannot look', async () => {
    const files = world.as({ scopes: scopesOf('files.write', 'rest') }).files
    await put(files, '/demo/up', 'up')
    await expectFault(files.stat(at('/demo/up')), 'not_found')
    await expectFault(files.open(at('/demo/up')), 'not_found')
  })

  test('S1: nothing outside the base path, at both ends of copy and rename', async () => {
    const { files } = world.as({ basePath: at('/demo') })
    expect(await names(files, '/')).toEqual(['demo/'])
    await expectFault(files.stat(at('/secret')), 'not_found')
    await expectFault(files.copy(at('/demo/a'), at('/secret/b'), KEEP), 'not_found')
    await expectFault(files.rename(at('/secret/a'), at('/demo/b'), KEEP), 'not_found')
  })

  test('S2: what is on a storage that the key does not have does not exist', async () => {
    const { files } = world.as({ storages: [] })
    await expectFault(files.stat(at('/demo')), 'not_found')
    await expectFault(files.create(at('/demo/x')), 'not_found')
  })

  test('top-level folders are made, renamed and removed by administrators only', async () => {
    const files = member('/')
    await expectFault(files.mkdir(at('/new')), 'forbidden')
    await expectFault(files.remove(at('/demo'), { tree: true }), 'forbidden')
    await expectFault(files.rename(at('/demo'), at('/other'), KEEP), 'forbidden')
    await expectFault(files.rename(at('/demo/sub'), at('/sub'), KEEP), 'forbidden')
    await expectFault(files.copy(at('/demo'), at('/copy'), KEEP), 'forbidden')
    await put(files, '/file', 'a file is fine')
    expect(await names(files, '/')).toEqual(['demo/', 'file', 'secret/', 'top'])
  })

  test('replacing by rename or copy needs the right to write or to remove what is there', async () => {
    const files = world.as({
      role: 'member',
      grants: [
        { path: '/demo', rights: FULL },
        { path: '/secret', rights: rightsOf('list', 'write') },
      ],
    }).files
    await expectFault(files.rename(at('/demo/sub'), at('/secret/deep'), { overwrite: true }), 'forbidden')
    await expectFault(files.copy(at('/demo/sub'), at('/secret/deep'), { overwrite: true }), 'forbidden')
    expect(await files.copy(at('/demo/a'), at('/secret/a'), { overwrite: true })).toBe('replaced')
  })

  test('K6: an expired key stops at its instant, mid-session', async () => {
    const { files } = world.as({ expiresAt: world.clock.now() + 1000 })
    await using upload = await files.create(at('/demo/late'))
    world.clock.advance(1000)
    await expectFault(upload.commit(), 'forbidden')
    await expectFault(files.stat(at('/demo')), 'forbidden')
  })
})

test('R3: refused changes are recorded with the reason', async () => {
  world.stores.audit.entries.length = 0
  await expectFault(member('/demo').create(at('/secret/x')), 'not_found')
  expect(world.stores.audit.entries).toMatchObject([
    { action: 'file.write', outcome: 'refused', reason: 'grant', subject: '/secret/x' },
  ])
})
