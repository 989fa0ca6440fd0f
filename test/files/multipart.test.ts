import { createHash } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Files } from '#files/types.ts'
import { rightsOf } from '#permissions/grants.ts'
import {
  at,
  callerOf,
  expectFault,
  type FilesWorld,
  get,
  metadataWith,
  names,
  put,
  startFiles,
} from './setup.ts'

let world: FilesWorld
beforeEach(async () => {
  world = await startFiles({ durable: true })
})
afterEach(async () => {
  expect(world.errors).toEqual([])
  await world[Symbol.asyncDispose]()
})

const given = { metadata: metadataWith(''), checksum: null }
const done = metadataWith('abc-2')

async function part(files: Files, path: string, id: string, number: number, text: string) {
  await using staged = await files.uploads.part(at(path), id, number)
  await staged.write([Buffer.from(text)], 0)
  return await staged.commit({ etag: createHash('md5').update(text).digest('hex'), checksums: {} })
}

test('parts in any order are joined in the named order, seen only when complete', async () => {
  const { files } = world.as()
  const { id } = await files.uploads.start(at('/big'), given)
  await part(files, '/big', id, 2, 'two')
  await part(files, '/big', id, 1, 'one')
  await part(files, '/big', id, 7, 'unused')
  expect(await names(files, '/')).toEqual([])
  expect((await files.uploads.parts(at('/big'), id)).map((one) => one.number)).toEqual([1, 2, 7])
  const entry = await files.uploads.complete(at('/big'), id, [1, 2], done)
  expect(entry.size).toBe(6)
  expect(await get(files, '/big')).toBe('onetwo')
  expect(await files.metadata([entry])).toEqual([done])
  await expectFault(files.uploads.get(at('/big'), id), 'not_found')
  expect(await readdir(join(world.root, '.latchkey/multipart'))).toEqual([])
})

test('a part sent again replaces the first', async () => {
  const { files } = world.as()
  const { id } = await files.uploads.start(at('/big'), given)
  await part(files, '/big', id, 1, 'first')
  await part(files, '/big', id, 1, 'again')
  expect(await readdir(join(world.root, '.latchkey/multipart', id))).toHaveLength(1)
  await files.uploads.complete(at('/big'), id, [1], done)
  expect(await get(files, '/big')).toBe('again')
})

test('a missing part, no parts, an unknown upload, another path', async () => {
  const { files } = world.as()
  const { id } = await files.uploads.start(at('/big'), given)
  await part(files, '/big', id, 1, 'x')
  await expectFault(files.uploads.complete(at('/big'), id, [1, 2], done), 'invalid')
  await expectFault(files.uploads.complete(at('/big'), id, [], done), 'invalid')
  await expectFault(files.uploads.complete(at('/other'), id, [1], done), 'not_found')
  await expectFault(files.uploads.part(at('/big'), '../../etc', 1), 'not_found')
  await expectFault(files.uploads.part(at('/big'), id, 0), 'invalid')
  expect(await names(files, '/')).toEqual([])
})

test('abort and revocation leave nothing behind', async () => {
  const caller = world.as({ id: 'other' })
  const { id } = await caller.files.uploads.start(at('/big'), given)
  await part(caller.files, '/big', id, 1, 'x')
  const half = await caller.files.uploads.part(at('/big'), id, 2)
  await half.write([Buffer.from('half')], 0)
  caller.revoke()
  await expectFault(half.commit({ etag: '0'.repeat(32), checksums: {} }), 'unauthenticated')
  expect(await world.staged()).toEqual([])
  const { files } = world.as()
  expect((await files.uploads.parts(at('/big'), id)).map((one) => one.number)).toEqual([1])
  await files.uploads.abort(at('/big'), id)
  await expectFault(files.uploads.parts(at('/big'), id), 'not_found')
  expect(await readdir(join(world.root, '.latchkey/multipart'))).toEqual([])
})

test('an upload goes on after a restart, and rubbish beside it is swept', async () => {
  const { files } = world.as()
  const { id } = await files.uploads.start(at('/big'), given)
  const lost = await files.uploads.start(at('/lost'), given)
  await part(files, '/big', id, 1, 'one')
  await part(files, '/lost', lost.id, 1, 'x')
  await world.stores.uploads.remove('s', lost.id)
  const service = world.restart()
  await service.sweep()
  expect(await readdir(join(world.root, '.latchkey/multipart'))).toEqual([id])
  const later = callerOf(service).files
  await part(later, '/big', id, 2, 'two')
  await later.uploads.complete(at('/big'), id, [1, 2], done)
  expect(await get(later, '/big')).toBe('onetwo')
})

test('uploads are seen and continued by keys that may write there, in the order of their paths', async () => {
  const { files } = world.as()
  await files.mkdir(at('/d'))
  for (const path of ['/d/b', '/d/a', '/c']) await files.uploads.start(at(path), given)
  expect((await files.uploads.list(at('/'))).map((one) => one.path)).toEqual(['/c', '/d/a', '/d/b'])
  const reader = world.as({ id: 'r', grants: [{ path: '/', rights: rightsOf('list', 'read') }] })
  expect(await reader.files.uploads.list(at('/'))).toEqual([])
  const { id } = await files.uploads.start(at('/d/a'), given)
  await expectFault(reader.files.uploads.get(at('/d/a'), id), 'forbidden')
})

test('the conditions of completion are those of an upload', async () => {
  const { files } = world.as()
  await put(files, '/big', 'there')
  const { id } = await files.uploads.start(at('/big'), given)
  await part(files, '/big', id, 1, 'x')
  await expectFault(files.uploads.complete(at('/big'), id, [1], done, { ifAbsent: true }), 'precondition')
  const { version } = await files.stat(at('/big'))
  await files.uploads.complete(at('/big'), id, [1], done, { ifVersion: version })
  expect(await get(files, '/big')).toBe('x')
})

test('two completions at once: one publishes, the other finds no upload', async () => {
  const { files } = world.as()
  const { id } = await files.uploads.start(at('/big'), given)
  await part(files, '/big', id, 1, 'x')
  const results = await Promise.allSettled(
    [1, 2].map(() => files.uploads.complete(at('/big'), id, [1], done)),
  )
  expect(results.map((result) => result.status).sort()).toEqual(['fulfilled', 'rejected'])
})
