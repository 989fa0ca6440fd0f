import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { rightsOf } from '#permissions/grants.ts'
import { at, type Caller, expectFault, type FilesWorld, get, put, startFiles } from './setup.ts'

let world: FilesWorld
let ann: Caller
let bob: Caller
beforeEach(async () => {
  world = await startFiles()
  ann = world.as({ id: 'ann' })
  bob = world.as({ id: 'bob', door: 'sftp' })
  await ann.files.mkdir(at('/d'))
  await ann.files.mkdir(at('/d/sub'))
  await put(ann.files, '/d/a', 'a')
})
afterEach(() => world[Symbol.asyncDispose]())

const exclusive = { reach: 'entry', scope: 'exclusive', owner: '', seconds: 60 } as const
const KEEP = { overwrite: false }
const REPLACE = { overwrite: true }

describe('locks bind every door', () => {
  test('a locked file is changed by its holder with the token, and by nobody else', async () => {
    const { lock } = await ann.files.locks.take(at('/d/a'), exclusive)
    const tokens = [lock.token]
    for (const files of [ann.files, bob.files]) {
      await expectFault(files.create(at('/d/a')), 'locked')
      await expectFault(files.edit(at('/d/a')), 'locked')
      await expectFault(files.remove(at('/d/a')), 'locked')
      await expectFault(files.rename(at('/d/a'), at('/x'), KEEP), 'locked')
      await expectFault(
        files.copy(at('/d/a'), at('/d/a2'), KEEP).then(() => files.rename(at('/d/a2'), at('/d/a'), REPLACE)),
        'locked',
      )
      await files.remove(at('/d/a2'))
      await expectFault(files.setModified(at('/d/a'), 0), 'locked')
    }
    await expectFault(bob.files.create(at('/d/a'), { tokens }), 'locked')
    await using upload = await ann.files.create(at('/d/a'), { tokens })
    await upload.commit()
    await expect(
      ann.files.open(at('/d/a')).then((file) => file[Symbol.asyncDispose]()),
    ).resolves.toBeUndefined()
  })

  test('a lock taken during an upload binds its commit', async () => {
    await using upload = await bob.files.create(at('/d/a'))
    await upload.write([Buffer.from('late')], 0)
    await ann.files.locks.take(at('/d/a'), exclusive)
    await expectFault(upload.commit(), 'locked')
    expect(await get(ann.files, '/d/a')).toBe('a')
  })

  test('WebDAV 27: a tree lock binds all below, and moving in and out', async () => {
    const { lock } = await ann.files.locks.take(at('/d'), { ...exclusive, reach: 'tree' })
    await put(bob.files, '/x', 'x')
    await expectFault(bob.files.create(at('/d/sub/new')), 'locked')
    await expectFault(bob.files.mkdir(at('/d/new')), 'locked')
    await expectFault(bob.files.rename(at('/x'), at('/d/x'), KEEP), 'locked')
    await expectFault(bob.files.rename(at('/d/a'), at('/y'), KEEP), 'locked')
    await expectFault(bob.files.copy(at('/x'), at('/d/x'), KEEP), 'locked')
    await ann.files.mkdir(at('/d/new'), { tokens: [lock.token] })
  })

  test('a lock below binds removing and renaming the folder above', async () => {
    await ann.files.locks.take(at('/d/a'), exclusive)
    await expectFault(bob.files.remove(at('/d'), { tree: true }), 'locked')
    await expectFault(bob.files.rename(at('/d'), at('/e'), KEEP), 'locked')
  })

  test('RFC 4918 §7.4: a lock on the folder itself binds its names, not their contents', async () => {
    await ann.files.locks.take(at('/d'), exclusive)
    await expectFault(bob.files.create(at('/d/new')), 'locked')
    await expectFault(bob.files.remove(at('/d/a')), 'locked')
    await expectFault(bob.files.mkdir(at('/d/new')), 'locked')
    await put(bob.files, '/d/a', 'changed')
    await put(bob.files, '/d/sub/new', 'deeper is free')
  })

  test('of shared locks one token is enough', async () => {
    const shared = { ...exclusive, scope: 'shared' } as const
    const { lock } = await ann.files.locks.take(at('/d/a'), shared)
    await bob.files.locks.take(at('/d/a'), shared)
    await expectFault(ann.files.create(at('/d/a')), 'locked')
    await using upload = await ann.files.create(at('/d/a'), { tokens: [lock.token] })
    await upload.commit()
    await expectFault(bob.files.locks.take(at('/d/a'), exclusive), 'locked')
  })
})

describe('taking and giving back', () => {
  test('conflicts on, above and below', async () => {
    await ann.files.locks.take(at('/d/a'), exclusive)
    await expectFault(bob.files.locks.take(at('/d/a'), exclusive), 'locked')
    await expectFault(bob.files.locks.take(at('/d'), { ...exclusive, reach: 'tree' }), 'locked')
    await bob.files.locks.take(at('/d'), exclusive)
    await ann.files.locks.take(at('/d/sub'), { ...exclusive, reach: 'tree' })
    await expectFault(bob.files.locks.take(at('/d/sub/x'), exclusive), 'locked')
  })

  test('of 10 at once one gets it', async () => {
    const results = await Promise.allSettled(
      Array.from({ length: 10 }, () => ann.files.locks.take(at('/d/a'), exclusive)),
    )
    expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1)
  })

  test('locking a free name makes an empty file, where there is a folder for it', async () => {
    expect((await ann.files.locks.take(at('/d/new'), exclusive)).created).toBe(true)
    expect((await ann.files.stat(at('/d/new'))).size).toBe(0)
    await expectFault(ann.files.locks.take(at('/none/new'), exclusive), 'no_parent')
    const reader = world.as({ id: 'r', grants: [{ path: '/', rights: rightsOf('list', 'read') }] })
    await expectFault(reader.files.locks.take(at('/d/a'), exclusive), 'forbidden')
  })

  test('refresh and release are the holder’s', async () => {
    const { lock } = await ann.files.locks.take(at('/d'), { ...exclusive, reach: 'tree' })
    await expectFault(bob.files.locks.refresh(at('/d'), lock.token, 60), 'precondition')
    await expectFault(bob.files.locks.release(at('/d'), lock.token), 'forbidden')
    await expectFault(ann.files.locks.release(at('/d'), 'urn:uuid:none'), 'precondition')
    await expectFault(ann.files.locks.release(at('/'), lock.token), 'precondition')
    world.clock.advance(50_000)
    expect((await ann.files.locks.refresh(at('/d/a'), lock.token, 60)).expiresAt).toBe(
      world.clock.now() + 60_000,
    )
    world.clock.advance(50_000)
    expect(await bob.files.locks.covering(at('/d/sub'))).toHaveLength(1)
    await ann.files.locks.release(at('/d/a'), lock.token)
    expect(await bob.files.locks.covering(at('/d/sub'))).toEqual([])
  })

  test('a lock ends at its instant', async () => {
    await ann.files.locks.take(at('/d/a'), exclusive)
    world.clock.advance(60_000)
    await put(bob.files, '/d/a', 'free')
  })

  test('coveringAll answers for many paths, and only for those that may be seen', async () => {
    const { lock } = await ann.files.locks.take(at('/d'), { ...exclusive, reach: 'tree' })
    const found = await ann.files.locks.coveringAll([at('/'), at('/d'), at('/d/a')])
    expect([...found].map(([path, locks]) => [path, locks.map((one) => one.token)])).toEqual([
      ['/', []],
      ['/d', [lock.token]],
      ['/d/a', [lock.token]],
    ])
    const stranger = world.as({
      id: 's',
      role: 'member',
      grants: [{ path: '/d/sub', rights: rightsOf('list') }],
    })
    expect([...(await stranger.files.locks.coveringAll([at('/d/a'), at('/d/sub')])).keys()]).toEqual([
      '/d/sub',
    ])
  })

  test('locks go with what is removed and stay behind what is renamed', async () => {
    const { lock } = await ann.files.locks.take(at('/d/a'), exclusive)
    const tokens = [lock.token]
    await ann.files.rename(at('/d/a'), at('/d/b'), { ...KEEP, tokens })
    expect(world.stores.locks.held).toEqual([])
    const again = await ann.files.locks.take(at('/d/b'), exclusive)
    await ann.files.remove(at('/d'), { tree: true, tokens: [again.lock.token] })
    expect(world.stores.locks.held).toEqual([])
  })
})
