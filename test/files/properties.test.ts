import { rmdir, unlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Files } from '#files/types.ts'
import { rightsOf } from '#permissions/grants.ts'
import { at, callerOf, expectFault, type FilesWorld, metadataWith, put, startFiles } from './setup.ts'

let world: FilesWorld
let files: Files

beforeEach(async () => {
  world = await startFiles({ mounts: ['/', '/other'] })
  files = world.as().files
})
afterEach(() => world[Symbol.asyncDispose]())

const named = (local: string) => ({ uri: 'urn:x', local, xml: `<${local} xmlns="urn:x"/>` })

async function set(path: string, ...locals: string[]): Promise<void> {
  await files.properties.change(at(path), { set: locals.map(named), remove: [] })
}

async function propertiesAt(path: string): Promise<string[]> {
  const [found = []] = await files.properties.of([await files.stat(at(path))])
  return found.map(({ local }) => local)
}

describe('dead properties', () => {
  it('stay when the content is replaced, and go with a file that is deleted and made again', async () => {
    await put(files, '/a', 'one')
    await set('/a', 'kept')
    await put(files, '/a', 'two')
    expect(await propertiesAt('/a')).toEqual(['kept'])
    await files.purge(at('/a'))
    await put(files, '/a', 'three')
    expect(await propertiesAt('/a')).toEqual([])
  })

  it('of a name that went without a door are not those of a new file or folder', async () => {
    await put(files, '/a', 'one')
    await files.mkdir(at('/d'))
    await set('/a', 'stale')
    await set('/d', 'stale')
    await unlink(join(world.root, 'a'))
    await rmdir(join(world.root, 'd'))
    await put(files, '/a', 'new')
    await files.mkdir(at('/d'))
    expect([await propertiesAt('/a'), await propertiesAt('/d')]).toEqual([[], []])
  })

  it('follow a folder that is renamed, copied, deleted and restored', async () => {
    await files.mkdir(at('/d'))
    await put(files, '/d/x', 'x')
    await set('/d', 'folder')
    await set('/d/x', 'member')
    await files.rename(at('/d'), at('/e'), { overwrite: false })
    await files.copy(at('/e'), at('/f'), { overwrite: false })
    expect([await propertiesAt('/e/x'), await propertiesAt('/f/x')]).toEqual([['member'], ['member']])
    await files.remove(at('/e'), { tree: true })
    await files.mkdir(at('/e'))
    expect(await propertiesAt('/e')).toEqual([])
    await files.remove(at('/e'))
    const [entry] = (await files.trash.list()).entries
    await files.trash.restore(entry?.id ?? '')
    expect([await propertiesAt('/e'), await propertiesAt('/e/x')]).toEqual([['folder'], ['member']])
  })

  it('follow a file to another storage, and replace those of what is overwritten', async () => {
    await put(files, '/a', 'a')
    await put(files, '/other/b', 'b')
    await set('/a', 'mine')
    await set('/other/b', 'theirs')
    await files.rename(at('/a'), at('/other/b'), { overwrite: true })
    expect(await propertiesAt('/other/b')).toEqual(['mine'])
  })

  it('are purged with the trash', async () => {
    await put(files, '/a', 'a')
    await set('/a', 'p')
    await files.remove(at('/a'))
    await files.trash.purgeAll(at('/'))
    const { properties } = world.stores
    expect((await properties.find('m0', [at('/a')])).flat()).toEqual([])
  })

  it('need the right to write, and the lock', async () => {
    await put(files, '/a', 'a')
    const reader = world.as({ id: 'r', grants: [{ path: '/', rights: rightsOf('list', 'read') }] }).files
    const change = { set: [named('p')], remove: [] }
    await expectFault(reader.properties.change(at('/a'), change), 'forbidden')
    expect(await reader.properties.of([await files.stat(at('/a'))])).toEqual([[]])
    const wanted = { reach: 'entry', scope: 'exclusive', owner: '', seconds: 60 } as const
    const { lock } = await files.locks.take(at('/a'), wanted)
    await expectFault(files.properties.change(at('/a'), change), 'locked')
    await files.properties.change(at('/a'), change, { tokens: [lock.token] })
    expect(await propertiesAt('/a')).toEqual(['p'])
  })

  it('are bounded in number and length', async () => {
    await put(files, '/a', 'a')
    const many = Array.from({ length: 201 }, (_, i) => named(`p${i}`))
    await expectFault(files.properties.change(at('/a'), { set: many, remove: [] }), 'quota')
    const long = { ...named('p'), xml: `<p>${'x'.repeat(40_000)}</p>` }
    await expectFault(files.properties.change(at('/a'), { set: [long], remove: [] }), 'quota')
    expect(await propertiesAt('/a')).toEqual([])
  })
})

describe('the version of a file whose time was set with its properties', () => {
  const T = 1_500_000_000_000

  async function retimed() {
    await put(files, '/a', 'content')
    const before = await files.stat(at('/a'))
    const after = await files.properties.change(at('/a'), { set: [], remove: [], modified: T })
    return { before, after }
  }

  it('stays: in stat, in lists, when it is opened, and after a restart', async () => {
    const { before, after } = await retimed()
    expect(after).toMatchObject({ version: before.version, modified: T })
    expect((await files.stat(at('/a'))).version).toBe(before.version)
    expect((await files.list(at('/'))).entries.find(({ name }) => name === 'a')?.version).toBe(before.version)
    await using file = await files.open(at('/a'))
    expect(file.entry).toMatchObject({ version: before.version, modified: T })
    const again = callerOf(world.restart()).files
    expect((await again.stat(at('/a'))).version).toBe(before.version)
  })

  it('stays when the file is renamed, and a second time', async () => {
    const { before } = await retimed()
    await files.rename(at('/a'), at('/b'), { overwrite: false })
    const again = await files.properties.change(at('/b'), { set: [], remove: [], modified: T + 5_000 })
    expect(again).toMatchObject({ version: before.version, modified: T + 5_000 })
  })

  it('is another as soon as the content is, from any side', async () => {
    const { before } = await retimed()
    await writeFile(join(world.root, 'a'), 'CONTENT')
    const changed = (await files.stat(at('/a'))).version
    expect(changed).not.toBe(before.version)
    await utimes(join(world.root, 'a'), T / 1000, T / 1000 + 1)
    expect((await files.stat(at('/a'))).version).not.toBe(before.version)
    await put(files, '/a', 'content')
    expect((await files.stat(at('/a'))).version).not.toBe(before.version)
  })

  it('keeps the metadata that S3 bound to it, also when another door sets the time', async () => {
    await using upload = await files.create(at('/o'))
    await upload.commit({ metadata: metadataWith('etag') })
    const etag = async () => (await files.metadata([await files.stat(at('/o'))]))[0]?.etag
    await files.properties.change(at('/o'), { set: [], remove: [], modified: T })
    expect(await etag()).toBe('etag')
    await files.setModified(at('/o'), T + 1_000)
    expect(await etag()).toBe('etag')
    await files.copy(at('/o'), at('/p'), { overwrite: false })
    expect((await files.metadata([await files.stat(at('/p'))]))[0]?.etag).toBe('etag')
  })

  it('is what a condition compares with', async () => {
    const { before } = await retimed()
    await using upload = await files.create(at('/a'), { ifVersion: before.version })
    await upload.commit()
  })

  it('is forgotten when its file is gone or changed, and only then', async () => {
    const names = ['/stays', '/moved', '/deleted', '/purged', '/replaced', '/changed', '/unlinked', '/box/in']
    await files.mkdir(at('/box'))
    const before = new Map<string, string>()
    for (const name of names) {
      await put(files, name, 'content')
      before.set(name, (await files.stat(at(name))).version)
      await files.properties.change(at(name), { set: [], remove: [], modified: T })
    }
    await files.rename(at('/moved'), at('/moved 2'), { overwrite: false })
    await files.rename(at('/box'), at('/crate'), { overwrite: false })
    await files.remove(at('/deleted'))
    await files.purge(at('/purged'))
    await put(files, '/replaced', 'content')
    await writeFile(join(world.root, 'changed'), 'CONTENT')
    await unlink(join(world.root, 'unlinked'))
    const left = async () => (await world.stores.versions.page('m0', null, 99)).length
    expect(await left()).toBe(7)
    expect(await world.service.cleanVersions()).toEqual({ removed: 3, more: false })
    expect(await world.service.cleanVersions()).toEqual({ removed: 0, more: false })
    const [entry] = (await files.trash.list()).entries
    await files.trash.restore(entry?.id ?? '')
    for (const [name, now] of [
      ['/stays', '/stays'],
      ['/moved', '/moved 2'],
      ['/box/in', '/crate/in'],
      ['/deleted', '/deleted'],
    ] as const) {
      expect((await files.stat(at(now))).version).toBe(before.get(name))
    }
  })
})
