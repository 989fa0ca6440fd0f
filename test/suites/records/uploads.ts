import { describe, expect, test } from 'vitest'
import { type MultipartUpload, newUploadId, type UploadedPart, type UploadsPage } from '#files/multipart.ts'
import { parsePath, ROOT } from '#permissions/path.ts'
import { type MakeDatabase, metadata } from './fixtures.ts'

function upload(id: string, path: string, changes: Partial<MultipartUpload> = {}): MultipartUpload {
  return {
    id,
    path: parsePath(path),
    startedAt: 1_000,
    metadata: metadata(),
    checksum: { algorithm: 'CRC32', type: 'COMPOSITE' },
    ...changes,
  }
}

function part(number: number, changes: Partial<UploadedPart> = {}): UploadedPart {
  return {
    number,
    size: 5 * 2 ** 30,
    etag: `etag ${number}`,
    checksums: { 'x-amz-checksum-crc32': 'AAAAAA==' },
    modified: 1_764_000_000_000,
    ...changes,
  }
}

export function uploadSuite(make: MakeDatabase): void {
  describe('multipart uploads', () => {
    test('an upload comes back whole, in its site only', async () => {
      await using database = await make()
      const { uploads } = await database.open()
      const plain = upload('2', '/b/x', { checksum: null })
      await uploads.insert('s1', upload('1', '/b/x'))
      await uploads.insert('s1', plain)
      expect(await uploads.get('s1', '1')).toEqual(upload('1', '/b/x'))
      expect(await uploads.get('s1', '2')).toEqual(plain)
      expect(await uploads.get('s2', '1')).toBeNull()
      await expect(uploads.insert('s2', upload('1', '/b/x'))).rejects.toMatchObject({ code: 'exists' })
    })

    test('are listed by path bytes, then by start', async () => {
      await using database = await make()
      const { uploads } = await database.open()
      // U+E000 sorts before U+1F600 in UTF-8 and behind it in UTF-16.
      const order = ['/b/a-b', '/b/a/b', '/b/a0', '/b/\u{e000}', '/b/\u{1f600}']
      for (const [i, path] of [...order.entries()].reverse())
        await uploads.insert('s1', upload(`late ${i}`, path, { startedAt: 2 }))
      for (const [i, path] of order.entries())
        await uploads.insert('s1', upload(`early ${i}`, path, { startedAt: 1 }))
      await uploads.insert('s2', upload('other site', '/b/a'))
      const listed = await uploads.list('s1', parsePath('/b'))
      expect(listed.map((one) => one.path)).toEqual(order.flatMap((path) => [path, path]))
      expect(listed.map((one) => one.startedAt)).toEqual(order.flatMap(() => [1, 2]))
    })

    test('a list is of the folder itself and below it, by segment', async () => {
      await using database = await make()
      const { uploads } = await database.open()
      for (const path of ['/b', '/b/x', '/b%', '/b%/x', '/bc', '/b.c'])
        await uploads.insert('s1', upload(path, path))
      const listed = async (folder: string) =>
        (await uploads.list('s1', parsePath(folder))).map((one) => one.path)
      expect(await listed('/b')).toEqual(['/b', '/b/x'])
      expect(await listed('/b%')).toEqual(['/b%', '/b%/x'])
      expect(await uploads.list('s1', ROOT)).toHaveLength(6)
    })

    test('parts come back by number; a part sent again replaces the earlier one', async () => {
      await using database = await make()
      const { uploads } = await database.open()
      await uploads.insert('s1', upload('1', '/b/x'))
      for (const number of [10_000, 2, 1]) await uploads.putPart('1', part(number))
      await uploads.putPart('1', part(2, { etag: 'again', size: 1 }))
      expect(await uploads.parts('1')).toEqual([part(1), part(2, { etag: 'again', size: 1 }), part(10_000)])
      expect(await uploads.parts('2')).toEqual([])
    })

    test('a part of an upload that is unknown or ended is refused', async () => {
      await using database = await make()
      const { uploads } = await database.open()
      await expect(uploads.putPart('1', part(1))).rejects.toMatchObject({ code: 'not_found' })
    })

    test('removing takes the parts along, in the upload’s site only', async () => {
      await using database = await make()
      const { uploads } = await database.open()
      await uploads.insert('s1', upload('1', '/b/x'))
      await uploads.insert('s1', upload('2', '/b/x'))
      await uploads.putPart('1', part(1))
      await uploads.remove('s2', '1')
      expect((await uploads.ids()).toSorted()).toEqual(['1', '2'])
      await uploads.remove('s1', '1')
      await uploads.remove('s1', 'unknown')
      expect(await uploads.parts('1')).toEqual([])
      expect(await uploads.ids()).toEqual(['2'])
    })

    test('are listed in pages, by prefix and behind a place', async () => {
      await using database = await make()
      const { uploads } = await database.open()
      const ids = [newUploadId(1), newUploadId(2), newUploadId(2), newUploadId(3)].toSorted()
      for (const [n, id] of ids.entries())
        await uploads.insert('s1', upload(id, '/b/same', { startedAt: [1, 2, 2, 3][n] ?? 0 }))
      for (const path of ['/b/a', '/b/same%', '/b/same/x', '/b/z', '/bb/x'])
        await uploads.insert('s1', upload(path, path))
      const page = async (more: Partial<UploadsPage>) =>
        (await uploads.list('s1', parsePath('/b'), { limit: 99, ...more })).map(({ id }) => id)
      const all = ['/b/a', ...ids, '/b/same%', '/b/same/x', '/b/z']
      expect(await page({})).toEqual(all)
      expect(await page({ limit: 3 })).toEqual(all.slice(0, 3))
      expect(await page({ prefix: 'same' })).toEqual(all.slice(1, -1))
      expect(await page({ prefix: 'same%' })).toEqual(['/b/same%'])
      for (const [n, id] of ids.entries()) {
        expect(await page({ after: { path: '/b/same', id } })).toEqual(all.slice(n + 2))
      }
      expect(await page({ after: { path: '/b/same' } })).toEqual(all.slice(5))
      expect(await page({ after: { path: '/b/a' }, prefix: 'same', limit: 1 })).toEqual([ids[0]])
      expect(await page({ after: { path: '/b/same/\u{10ffff}' } })).toEqual(['/b/z'])
    })

    test('parts are given in pages', async () => {
      await using database = await make()
      const { uploads } = await database.open()
      await uploads.insert('s1', upload('1', '/b/x'))
      for (const number of [5, 1, 9]) await uploads.putPart('1', part(number))
      expect(await uploads.parts('1', { after: 0, limit: 2 })).toEqual([part(1), part(5)])
      expect(await uploads.parts('1', { after: 5, limit: 2 })).toEqual([part(9)])
      expect(await uploads.parts('1', { after: 9, limit: 2 })).toEqual([])
    })

    test('are abandoned when they were started before a time and got no part since', async () => {
      await using database = await make()
      const { uploads } = await database.open()
      await uploads.insert('s1', upload('old', '/b/x', { startedAt: 10 }))
      await uploads.insert('s2', upload('older', '/b/x', { startedAt: 5 }))
      await uploads.insert('s1', upload('going', '/b/x', { startedAt: 1 }))
      await uploads.insert('s1', upload('new', '/b/x', { startedAt: 100 }))
      await uploads.putPart('old', part(1, { modified: 50 }))
      await uploads.putPart('going', part(1, { modified: 100 }))
      const found = await uploads.abandoned(100, 9)
      expect(found.map(({ siteId, upload: { id } }) => [siteId, id])).toEqual([
        ['s2', 'older'],
        ['s1', 'old'],
      ])
      expect(await uploads.abandoned(100, 1)).toHaveLength(1)
      expect(await uploads.abandoned(5, 9)).toHaveLength(0)
    })

    test('survive a restart', async () => {
      await using database = await make()
      const before = await database.open()
      await before.uploads.insert('s1', upload('1', '/b/x'))
      await before.uploads.putPart('1', part(1))
      await before[Symbol.asyncDispose]()
      const after = await database.open()
      expect(await after.uploads.get('s1', '1')).toEqual(upload('1', '/b/x'))
      expect(await after.uploads.parts('1')).toEqual([part(1)])
    })
  })
}
