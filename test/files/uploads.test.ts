import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { scopesOf } from '#permissions/scopes.ts'
import { at, expectFault, type FilesWorld, get, names, put, startFiles } from './setup.ts'

let world: FilesWorld
beforeEach(async () => {
  world = await startFiles()
})
afterEach(async () => {
  expect(world.errors).toEqual([])
  await world[Symbol.asyncDispose]()
})

describe('F2: an upload becomes visible whole or not at all', () => {
  test('readers see the old content until commit, and the new one from then on', async () => {
    const { files } = world.as()
    await put(files, '/a', 'old')
    await using upload = await files.create(at('/a'))
    await upload.write([Buffer.from('new content')], 0)
    expect(await get(files, '/a')).toBe('old')
    const entry = await upload.commit()
    expect(entry).toEqual(await files.stat(at('/a')))
    expect(await get(files, '/a')).toBe('new content')
  })

  test('disposal without commit leaves the old content and nothing in staging', async () => {
    const { files } = world.as()
    await put(files, '/a', 'old')
    const upload = await files.create(at('/a'))
    await upload.write([Buffer.from('half')], 0)
    expect(await world.staged()).toHaveLength(1)
    await upload[Symbol.asyncDispose]()
    await upload[Symbol.asyncDispose]()
    expect(await get(files, '/a')).toBe('old')
    expect(await world.staged()).toEqual([])
  })

  test('an upload tells what it replaces, to who may see that', async () => {
    const { files } = world.as()
    await using first = await files.create(at('/a'))
    expect(first.replaces).toBeNull()
    await first.commit()
    const there = await files.stat(at('/a'))
    await using second = await files.create(at('/a'))
    await using third = await files.edit(at('/a'))
    expect([second.replaces, third.replaces]).toEqual([there, there])
    const blind = world.as({ id: 'blind', scopes: scopesOf('files.write', 'files.read', 'rest') })
    await using unseen = await blind.files.create(at('/a'))
    expect(unseen.replaces).toBeNull()
  })

  test('edit starts with the present content, and changes it at commit only', async () => {
    const { files } = world.as()
    await put(files, '/a', '0123456789')
    await using upload = await files.edit(at('/a'))
    expect(upload.size).toBe(10)
    await upload.write([Buffer.from('XX')], 4)
    expect((await upload.stat()).size).toBe(10)
    expect(await get(files, '/a')).toBe('0123456789')
    await upload.commit()
    expect(await get(files, '/a')).toBe('0123XX6789')
  })

  test('disposal during a commit waits for it instead of taking the bytes away', async () => {
    const { files } = world.as()
    const upload = await files.create(at('/a'))
    await upload.write([Buffer.from('whole')], 0)
    const committing = upload.commit()
    await upload[Symbol.asyncDispose]()
    await committing
    expect(await get(files, '/a')).toBe('whole')
  })

  test('the modification time given at commit is kept', async () => {
    const { files } = world.as()
    await using upload = await files.create(at('/a'))
    expect((await upload.commit({ modified: 1_234_567_890_000 })).modified).toBe(1_234_567_890_000)
  })

  test('the staging folder does not exist for any name', async () => {
    const { files } = world.as()
    await put(files, '/a', 'x')
    await using _upload = await files.create(at('/b'))
    expect(await readdir(world.root)).toContain('.latchkey')
    expect(await names(files, '/')).toEqual(['a'])
    for (const path of ['/.latchkey', '/.latchkey/staging', '/.LATCHKEY']) {
      await expectFault(files.stat(at(path)), 'not_found')
      await expectFault(files.list(at(path)), 'not_found')
      await expectFault(files.open(at(path)), 'not_found')
      await expectFault(files.remove(at(path), { tree: true }), 'not_found')
      await expectFault(files.create(at(path)), 'forbidden')
      await expectFault(files.create(at(`${path}/x`)), 'forbidden')
      await expectFault(files.mkdir(at(path)), 'forbidden')
      await expectFault(files.rename(at('/a'), at(path), { overwrite: true }), 'forbidden')
      await expectFault(files.copy(at(path), at('/copy'), { overwrite: true }), 'not_found')
    }
  })
})

describe('conditions', () => {
  test('S3 12: of 20 uploads with ifAbsent exactly one wins', async () => {
    const { files } = world.as()
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, async (_, i) => {
        await using upload = await files.create(at('/once'), { ifAbsent: true })
        await upload.write([Buffer.from(`${i}`)], 0)
        await upload.commit()
        return `${i}`
      }),
    )
    const won = results.filter((result) => result.status === 'fulfilled')
    expect(won).toHaveLength(1)
    expect(await get(files, '/once')).toBe(won[0]?.value)
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'precondition' })
    }
    expect(await world.staged()).toEqual([])
  })

  test('WebDAV 28: of two uploads with one version exactly one wins', async () => {
    const { files } = world.as()
    await put(files, '/a', 'start')
    const { version } = await files.stat(at('/a'))
    const uploads = await Promise.all([0, 1].map(() => files.create(at('/a'), { ifVersion: version })))
    const results = await Promise.allSettled(uploads.map((upload) => upload.commit()))
    expect(results.map((result) => result.status).sort()).toEqual(['fulfilled', 'rejected'])
    expect(await world.staged()).toEqual([])
  })

  test('a wrong or missing version is refused at the start', async () => {
    const { files } = world.as()
    await put(files, '/a', 'x')
    await expectFault(files.create(at('/a'), { ifVersion: '0'.repeat(32) }), 'precondition')
    await expectFault(files.create(at('/none'), { ifVersion: '0'.repeat(32) }), 'precondition')
    await expectFault(files.create(at('/a'), { ifAbsent: true }), 'precondition')
    await expectFault(files.edit(at('/a'), { ifVersion: '0'.repeat(32) }), 'precondition')
    await expectFault(files.remove(at('/a'), { ifVersion: '0'.repeat(32) }), 'precondition')
  })

  test('a folder in the way, a missing folder, a file as folder', async () => {
    const { files } = world.as()
    await files.mkdir(at('/d'))
    await put(files, '/a', 'x')
    await expectFault(files.create(at('/d')), 'exists')
    await expectFault(files.create(at('/')), 'exists')
    await expectFault(files.create(at('/no/a')), 'no_parent')
    await expectFault(files.create(at('/a/b')), 'no_parent')
    await expectFault(files.edit(at('/none')), 'not_found')
    await expectFault(files.mkdir(at('/a/b')), 'no_parent')
  })

  test('the folder that goes away during the upload is missing at commit', async () => {
    const { files } = world.as()
    await files.mkdir(at('/d'))
    await using upload = await files.create(at('/d/a'))
    await files.remove(at('/d'))
    await expectFault(upload.commit(), 'no_parent')
    expect(await world.staged()).toEqual([])
  })
})

describe('R1: revocation', () => {
  test('cuts an upload at once: nothing of it is left, the previous version is whole', async () => {
    const { files } = world.as()
    await put(files, '/a', 'old')
    const guest = world.as({ id: 'other' })
    const uploads = await Promise.all(['/a', '/b'].map((path) => guest.files.create(at(path))))
    for (const upload of uploads) await upload.write([Buffer.alloc(100_000)], 0)
    expect(await world.staged()).toHaveLength(2)
    guest.revoke()
    // Whatever the door does or forgets.
    await vi.waitFor(async () => expect(await world.staged()).toEqual([]), 10_000)
    for (const upload of uploads) {
      await expectFault(upload.write([Buffer.from('more')], 100_000), 'unauthenticated')
      await expectFault(upload.commit(), 'unauthenticated')
    }
    expect(await world.staged()).toEqual([])
    expect(await get(files, '/a')).toBe('old')
    expect(await names(files, '/')).toEqual(['a'])
  })

  test('stops reads and every other call', async () => {
    const caller = world.as()
    await put(caller.files, '/a', 'x')
    await using file = await caller.files.open(at('/a'))
    caller.revoke()
    await expectFault(file.read(Buffer.alloc(1), 0), 'unauthenticated')
    await expectFault(caller.files.stat(at('/a')), 'unauthenticated')
    await expectFault(caller.files.list(at('/')), 'unauthenticated')
    await expectFault(caller.files.create(at('/b')), 'unauthenticated')
    await expectFault(caller.files.uploads.list(at('/')), 'unauthenticated')
  })

  test('while a commit runs, the file is published whole or not at all', async () => {
    const { files } = world.as()
    for (let i = 0; i < 30; i++) {
      const caller = world.as({ id: `k${i}` })
      const upload = await caller.files.create(at(`/f${i}`))
      await upload.write([Buffer.from('whole')], 0)
      const committing = upload.commit().then(
        () => true,
        () => false,
      )
      for (let turn = 0; turn < i; turn++) await new Promise((resolve) => setImmediate(resolve))
      caller.revoke()
      if (await committing) expect(await get(files, `/f${i}`)).toBe('whole')
      else expect(await get(files, `/f${i}`).catch((error) => error.code)).toMatch(/whole|not_found/)
    }
    expect(await world.staged()).toEqual([])
  })
})

test('R4: bytes and the current file are kept', async () => {
  const { files, activity } = world.as()
  await put(files, '/a', 'hello')
  expect(activity).toEqual({ bytesIn: 5, bytesOut: 0, current: null })
  const file = await files.open(at('/a'))
  await file.read(Buffer.alloc(3), 0)
  expect(activity).toEqual({ bytesIn: 5, bytesOut: 3, current: '/a' })
  await file[Symbol.asyncDispose]()
  expect(activity.current).toBeNull()
})

test('R3: changes are recorded with who, where and what', async () => {
  const { files } = world.as({ door: 'sftp' })
  await files.mkdir(at('/d'))
  await put(files, '/d/a', 'x')
  await files.copy(at('/d/a'), at('/d/b'), { overwrite: false })
  await files.rename(at('/d/b'), at('/d/c'), { overwrite: false })
  await files.remove(at('/d'), { tree: true })
  const seen = world.stores.audit.entries.map(({ action, subject, outcome }) => [action, subject, outcome])
  expect(seen).toEqual([
    ['folder.create', '/d', 'ok'],
    ['file.write', '/d/a', 'ok'],
    ['file.copy', '/d/a → /d/b', 'ok'],
    ['file.rename', '/d/b → /d/c', 'ok'],
    ['file.delete', '/d', 'ok'],
  ])
  expect(world.stores.audit.entries[0]).toMatchObject({
    siteId: 's',
    userId: 'user-k',
    keyId: 'k',
    door: 'sftp',
    address: '192.0.2.1',
    at: world.clock.now(),
  })
})

describe('no descriptor is left open', () => {
  const open = async () => (await readdir('/proc/self/fd')).length

  test.skipIf(process.platform !== 'linux')('on good and bad ways through every call', async () => {
    const { files } = world.as()
    await files.mkdir(at('/warm'))
    await put(files, '/warm/a', 'x')
    await files.remove(at('/warm'), { tree: true })
    await new Promise((resolve) => setTimeout(resolve, 50))
    const before = await open()
    for (let i = 0; i < 20; i++) await everyWay(world)
    // What is removed is deleted in the background. Reading the folder opens one itself, in both counts.
    await vi.waitFor(async () => expect(await open()).toBeLessThanOrEqual(before), 10_000)
  })

  async function everyWay({ as, root }: FilesWorld): Promise<void> {
    const { files } = as()
    const ignore = () => {}
    await files.mkdir(at('/d'))
    await put(files, '/d/a', 'x')
    await get(files, '/d/a')
    for (const path of ['/none', '/d', '/d/a/x', '/none/x']) {
      await files.open(at(path)).catch(ignore)
      await files.create(at(path)).then((upload) => upload[Symbol.asyncDispose](), ignore)
      await files.edit(at(path)).then((upload) => upload[Symbol.asyncDispose](), ignore)
      await files.stat(at(path)).catch(ignore)
      await files.list(at(path)).catch(ignore)
      await files.remove(at(path)).catch(ignore)
      await files.rename(at(path), at('/d/none/x'), { overwrite: true }).catch(ignore)
      await files.copy(at(path), at('/d/none/x'), { overwrite: true }).catch(ignore)
      await files.setModified(at(path), Number.NaN).catch(ignore)
    }
    await files.mkdir(at('/d')).catch(ignore)
    await put(files, '/d/b', 'y')
    await files.copy(at('/d'), at('/e'), { overwrite: true })
    await files.remove(at('/d'), { tree: true })
    await files.remove(at('/e'), { tree: true })
    expect(await readdir(join(root))).toEqual(['.latchkey'])
  }
})
