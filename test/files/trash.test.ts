import { readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Files } from '#files/types.ts'
import { type Rights, rightsOf } from '#permissions/grants.ts'
import { ALL_SCOPES, type Scope, scopesOf } from '#permissions/scopes.ts'
import { at, expectFault, type FilesWorld, get, metadataWith, names, put, startFiles } from './setup.ts'

const DAY = 86_400_000
const FULL = rightsOf('list', 'read', 'write', 'delete')

let world: FilesWorld
beforeEach(async () => {
  world = await startFiles()
})
afterEach(async () => {
  expect(world.errors).toEqual([])
  await world[Symbol.asyncDispose]()
})

const without = (...scopes: Scope[]) => world.as({ scopes: ALL_SCOPES & ~scopesOf(...scopes) }).files
const member = (path: string, rights: Rights = FULL) =>
  world.as({ role: 'member', grants: [{ path, rights }] }).files
const inTrash = () => readdir(join(world.root, '.latchkey/trash')).catch(() => [])

async function tree(): Promise<Files> {
  const { files } = world.as()
  await files.mkdir(at('/d'))
  await files.mkdir(at('/d/sub'))
  await put(files, '/d/a', 'a')
  await put(files, '/d/sub/b', 'bb')
  return files
}

async function only(files: Files) {
  const { entries, next } = await files.trash.list()
  const [entry] = entries
  if (entries.length !== 1 || entry === undefined || next !== null)
    throw new Error(`${entries.length} entries`)
  return entry
}

describe('F3: delete', () => {
  test('puts a file into the trash, where it is listed with who, when and what, and restored', async () => {
    const files = await tree()
    await files.remove(at('/d/a'))
    expect(await names(files, '/d')).toEqual(['sub/'])
    const entry = await only(files)
    expect(entry).toEqual({
      id: expect.stringMatching(/^\d{13}-[0-9a-f]{16}$/),
      path: '/d/a',
      name: 'a',
      kind: 'file',
      size: 1,
      deletedAt: world.clock.now(),
      user: { id: 'user-k', name: 'k' },
      key: { id: 'k', name: 'k' },
    })
    expect(await files.trash.restore(entry.id)).toMatchObject({ path: '/d/a', size: 1 })
    expect(await get(files, '/d/a')).toBe('a')
    expect((await files.trash.list()).entries).toEqual([])
    expect(await inTrash()).toEqual([])
    await expectFault(files.trash.restore(entry.id), 'not_found')
  })

  test('takes a whole tree in one piece, and restore brings all of it back', async () => {
    const files = await tree()
    await files.remove(at('/d'), { tree: true })
    expect(await names(files, '/')).toEqual([])
    const { id, kind, path } = await only(files)
    expect({ kind, path }).toEqual({ kind: 'folder', path: '/d' })
    expect(await inTrash()).toEqual([id])
    await files.trash.restore(id)
    expect(await get(files, '/d/sub/b')).toBe('bb')
    expect(await names(files, '/')).toEqual(['d/'])
  })

  test('of an empty folder alone keeps nothing; overwriting by upload or rename neither', async () => {
    const files = await tree()
    await files.mkdir(at('/d/empty'))
    await files.remove(at('/d/empty'))
    await put(files, '/d/a', 'new')
    await files.rename(at('/d/sub/b'), at('/d/a'), { overwrite: true })
    await expectFault(files.remove(at('/d')), 'not_empty')
    expect((await files.trash.list()).entries).toEqual([])
    expect(await inTrash()).toEqual([])
  })

  test('no door sees the trash, or can name it', async () => {
    const files = await tree()
    await files.remove(at('/d/a'))
    const { id } = await only(files)
    expect(await names(files, '/')).toEqual(['d/'])
    const path = at(`/.latchkey/trash/${id}`)
    await expectFault(files.stat(path), 'not_found')
    await expectFault(files.open(path), 'not_found')
    await expectFault(files.rename(path, at('/stolen'), { overwrite: false }), 'not_found')
    for (const bad of ['', '.', '..', '../../d', `../trash/${id}`, id.toUpperCase().replace('-', '/')]) {
      await expectFault(files.trash.restore(bad), 'not_found')
      await expectFault(files.trash.purge(bad), 'not_found')
    }
  })

  test('S: without files.purge everything deleted can be restored, and the trash cannot be emptied', async () => {
    await tree()
    const files = without('files.purge', 'folders.purge')
    await files.remove(at('/d/a'))
    world.clock.advance(1)
    await files.remove(at('/d'), { tree: true })
    const { entries } = await files.trash.list()
    expect(entries.map(({ path }) => path)).toEqual(['/d', '/d/a'])
    for (const { id } of entries) await expectFault(files.trash.purge(id), 'forbidden')
    await expectFault(files.trash.purgeAll(at('/')), 'forbidden')
    for (const { id } of entries) await files.trash.restore(id)
    expect(await get(files, '/d/sub/b')).toBe('bb')
    expect(await get(files, '/d/a')).toBe('a')
    await expectFault(files.purge(at('/d/a')), 'forbidden')
  })

  test('S: purge needs both scopes, of a live file as of one in the trash', async () => {
    const files = await tree()
    await files.remove(at('/d/a'))
    const { id } = await only(files)
    for (const scope of ['files.delete', 'files.purge'] as const) {
      await expectFault(without(scope).trash.purge(id), 'forbidden')
      await expectFault(without(scope).purge(at('/d/sub/b')), 'forbidden')
    }
    const enough = world.as({ scopes: scopesOf('files.delete', 'files.purge', 'rest') }).files
    await enough.trash.purge(id)
    await enough.purge(at('/d/sub/b'))
    expect((await files.trash.list()).entries).toEqual([])
    expect(await names(files, '/d/sub')).toEqual([])
    expect(world.stores.trash.records).toEqual([])
  })

  test('where a mount keeps no trash, a delete is a purge and needs both scopes', async () => {
    await using bare = await startFiles({ trashDays: 0 })
    const { files } = bare.as()
    await put(files, '/a', 'a')
    await expectFault(
      bare.as({ scopes: ALL_SCOPES & ~scopesOf('files.purge') }).files.remove(at('/a')),
      'forbidden',
    )
    await files.remove(at('/a'))
    expect((await files.trash.list()).entries).toEqual([])
    expect(await names(files, '/')).toEqual([])
  })
})

describe('F3: restore', () => {
  test('what is there now stays, unless it is to be overwritten; elsewhere and missing folders are fine', async () => {
    const files = await tree()
    await files.remove(at('/d/a'))
    await put(files, '/d/a', 'newer')
    const { id } = await only(files)
    await expectFault(files.trash.restore(id), 'exists')
    await files.trash.restore(id, { overwrite: true })
    expect(await get(files, '/d/a')).toBe('a')
    await files.remove(at('/d/sub/b'))
    await files.remove(at('/d/sub'))
    await files.trash.restore((await only(files)).id)
    expect(await get(files, '/d/sub/b')).toBe('bb')
    await files.remove(at('/d/sub'), { tree: true })
    await files.trash.restore((await only(files)).id, { to: at('/x/y/z') })
    expect(await get(files, '/x/y/z/b')).toBe('bb')
  })

  test('needs the right to write; elsewhere also to read or delete where it was', async () => {
    const files = await tree()
    await files.mkdir(at('/mine'))
    await files.remove(at('/d/a'))
    const { id } = await only(files)
    await expectFault(member('/d', rightsOf('list', 'read', 'delete')).trash.restore(id), 'forbidden')
    const both = (rights: Rights) =>
      world.as({
        role: 'member',
        grants: [
          { path: '/d', rights },
          { path: '/mine', rights: FULL },
        ],
      }).files
    const stolen = { to: at('/mine/a') }
    await expectFault(both(rightsOf('list', 'write')).trash.restore(id, stolen), 'forbidden')
    await expectFault(both(rightsOf('write', 'delete')).trash.restore(id, stolen), 'not_found')
    await expectFault(member('/d').trash.restore(id, { to: at('/none/a') }), 'not_found')
    await both(rightsOf('list', 'delete')).trash.restore(id, stolen)
    expect(await get(files, '/mine/a')).toBe('a')
  })

  test('a member does not bring back top-level folders', async () => {
    const files = await tree()
    await files.remove(at('/d'), { tree: true })
    const { id } = await only(files)
    await expectFault(member('/d').trash.restore(id), 'forbidden')
    expect(await names(files, '/')).toEqual([])
  })

  test('a lock binds it', async () => {
    const files = await tree()
    await files.remove(at('/d/a'))
    const { id } = await only(files)
    const { lock } = await world.as({ id: 'ann' }).files.locks.take(at('/d'), {
      reach: 'tree',
      scope: 'exclusive',
      owner: '',
      seconds: 60,
    })
    await expectFault(files.trash.restore(id), 'locked')
    await world.as({ id: 'ann' }).files.trash.restore(id, { tokens: [lock.token] })
  })

  test('S3: object metadata comes back with the file, and with the files of a folder', async () => {
    const { files } = world.as()
    await files.mkdir(at('/d'))
    await using upload = await files.create(at('/d/a'))
    await upload.write([Buffer.from('x')], 0)
    await upload.commit({ metadata: metadataWith('abc') })
    const etagAt = async (path: string) => (await files.metadata([await files.stat(at(path))]))[0]?.etag
    await files.remove(at('/d/a'))
    await put(files, '/d/a', 'other')
    expect(await etagAt('/d/a')).toBeUndefined()
    await files.trash.restore((await only(files)).id, { overwrite: true })
    expect(await etagAt('/d/a')).toBe('abc')
    await files.remove(at('/d'), { tree: true })
    await files.trash.restore((await only(files)).id, { to: at('/e') })
    expect(await etagAt('/e/a')).toBe('abc')
    await files.remove(at('/e/a'))
    await files.trash.purge((await only(files)).id)
    expect(world.stores.metadata.rows).toEqual([])
  })

  test('of the same entry twice at once: one wins, the other finds nothing', async () => {
    const files = await tree()
    await files.remove(at('/d/a'))
    const { id } = await only(files)
    const tries = await Promise.allSettled([
      files.trash.restore(id, { to: at('/d/one') }),
      files.trash.restore(id, { to: at('/d/two') }),
      files.trash.purge(id),
    ])
    expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect((await names(files, '/d')).filter((name) => name === 'one' || name === 'two').length).toBeLessThan(
      2,
    )
  })
})

describe('F3: the list', () => {
  test('shows what lay in a folder, page by page, the newest first', async () => {
    const files = await tree()
    for (let i = 0; i < 7; i++) {
      await put(files, `/d/sub/n${i}`, '')
      await files.remove(at(`/d/sub/n${i}`))
      world.clock.advance(1)
    }
    await files.remove(at('/d/a'))
    const seen: string[] = []
    for (let after: string | null | undefined; after !== null; ) {
      const folder = at('/d/sub')
      const page = await files.trash.list({ folder, limit: 3, ...(after === undefined ? {} : { after }) })
      expect(page.entries.length).toBeLessThanOrEqual(3)
      seen.push(...page.entries.map(({ name }) => name))
      after = page.next
    }
    expect(seen).toEqual(['n6', 'n5', 'n4', 'n3', 'n2', 'n1', 'n0'])
    expect((await files.trash.list({ folder: at('/d/su') })).entries).toEqual([])
  })

  test('U1: nobody sees what was deleted where they may not list', async () => {
    const files = await tree()
    await files.remove(at('/d/sub/b'))
    await files.remove(at('/d/a'))
    await files.remove(at('/d'), { tree: true })
    const paths = async (who: Files) => (await who.trash.list()).entries.map(({ path }) => path)
    expect((await paths(files)).sort()).toEqual(['/d', '/d/a', '/d/sub/b'])
    expect(await paths(member('/d/sub'))).toEqual(['/d/sub/b'])
    expect(await paths(member('/d', rightsOf('write', 'delete')))).toEqual([])
    expect(await paths(without('files.list'))).toEqual([])
    expect(await paths(world.as({ basePath: at('/d/sub') }).files)).toEqual(['/d/sub/b'])
    expect(await paths(world.as({ storages: [] }).files)).toEqual([])
    expect(await paths(world.as({ siteId: 'other' }).files)).toEqual([])
  })

  test('each mount has a trash of its own, and restores within itself', async () => {
    await using two = await startFiles({ mounts: ['/', '/m'] })
    const { files } = two.as()
    await put(files, '/a', 'a')
    await put(files, '/m/b', 'b')
    await files.remove(at('/a'))
    await files.remove(at('/m/b'))
    const { entries } = await files.trash.list()
    expect(entries.map(({ path }) => path).sort()).toEqual(['/a', '/m/b'])
    const inner = (await files.trash.list({ folder: at('/m') })).entries
    expect(inner.map(({ path }) => path)).toEqual(['/m/b'])
    await expectFault(files.trash.restore(inner[0]?.id ?? '', { to: at('/b') }), 'unsupported')
    await files.trash.restore(inner[0]?.id ?? '', { to: at('/m/c') })
    expect(await get(files, '/m/c')).toBe('b')
  })

  test('purgeAll empties a folder’s trash as far as the caller may', async () => {
    const files = await tree()
    await files.remove(at('/d/a'))
    await files.remove(at('/d/sub'), { tree: true })
    expect(await member('/d/sub').trash.purgeAll(at('/'))).toBe(1)
    expect(await files.trash.purgeAll(at('/d'))).toBe(1)
    expect(await files.trash.purgeAll(at('/'))).toBe(0)
    expect(await inTrash()).toEqual([])
  })
})

describe('F2: a crash', () => {
  test('between the record and the move leaves the file where it was, and shows no entry', async () => {
    const files = await tree()
    await world.stores.trash.insert({
      id: '1700000000000-0123456789abcdef',
      place: { mountId: 'm0', path: at('/d/a') },
      kind: 'file',
      size: 1,
      deletedAt: world.clock.now(),
      user: null,
      key: null,
    })
    expect((await files.trash.list()).entries).toEqual([])
    expect(await get(files, '/d/a')).toBe('a')
    await expectFault(files.trash.restore('1700000000000-0123456789abcdef'), 'not_found')
    world.clock.advance(8 * DAY)
    await world.service.cleanTrash()
    expect(world.stores.trash.records).toEqual([])
  })

  test('a delete that the records refuse does not happen', async () => {
    const files = await tree()
    Object.assign(world.stores.trash, { insert: () => Promise.reject(new Error('disk full')) })
    await expect(files.remove(at('/d/a'))).rejects.toThrow()
    expect(await get(files, '/d/a')).toBe('a')
    expect(await inTrash()).toEqual([])
  })

  test('the trash outlives a restart and its sweep, and a removed hidden folder', async () => {
    const files = await tree()
    await files.remove(at('/d/a'))
    await world.restart().sweep()
    await files.trash.restore((await only(files)).id)
    await rm(join(world.root, '.latchkey'), { recursive: true })
    await files.remove(at('/d/a'))
    expect((await only(files)).path).toBe('/d/a')
  })
})

describe('F3: the cleaner', () => {
  test('removes what is older than the mount’s days, on the dot, and nothing else', async () => {
    const files = await tree()
    await files.remove(at('/d/sub'), { tree: true })
    world.clock.advance(DAY)
    await files.remove(at('/d/a'))
    world.clock.advance(6 * DAY)
    expect(await world.service.cleanTrash()).toEqual({ removed: 0, more: false })
    world.clock.advance(1)
    expect(await world.service.cleanTrash()).toEqual({ removed: 1, more: false })
    expect((await only(files)).path).toBe('/d/a')
    expect(world.stores.audit.entries.at(-1)).toMatchObject({
      action: 'file.purge',
      subject: '/d/sub',
      reason: 'trash_days',
      userId: null,
    })
  })

  test('takes old files of which no record tells, as after a restored backup', async () => {
    const files = await tree()
    await files.remove(at('/d/a'))
    world.stores.trash.records.length = 0
    await writeFile(join(world.root, '.latchkey/trash/not-ours'), 'x')
    world.clock.advance(8 * DAY)
    expect(await world.service.cleanTrash()).toEqual({ removed: 1, more: false })
    expect(await inTrash()).toEqual(['not-ours'])
  })

  test('a storage that is away does not keep it from the others', async () => {
    const files = await tree()
    await files.remove(at('/d/a'))
    const away = { root: join(world.root, 'none'), durable: false }
    const [first] = world.stores.mounts.records
    if (first)
      world.stores.mounts.records.unshift({ ...first, id: 'away', path: at('/away'), settings: away })
    world.clock.advance(8 * DAY)
    expect(await world.service.cleanTrash()).toEqual({ removed: 1, more: false })
    expect(world.errors).toMatchObject([{ mount: 'away' }])
    world.errors.length = 0
  })
})

test('K13: the operator’s changes are recorded as of the command line', async () => {
  const files = await tree()
  await files.remove(at('/d/a'))
  const operator = world.service.openForOperator({ id: 's', name: 's' }, new AbortController().signal)
  await operator.trash.restore((await only(files)).id)
  expect(world.stores.audit.entries.at(-1)).toMatchObject({
    action: 'file.restore',
    door: 'command_line',
    address: null,
    userId: null,
    subject: '/d/a',
  })
})
