import { describe, expect, test } from 'vitest'
import type { Fingerprint } from '#files/metadata.ts'
import type { Place } from '#files/ports.ts'
import { parsePath, ROOT } from '#permissions/path.ts'
import type { Records } from '#records/open.ts'
import { type MakeDatabase, metadata } from './fixtures.ts'

/** A file version; the inode is more than a double can tell from its neighbours. */
function version(n: number, changes: Partial<Fingerprint> = {}): Fingerprint {
  return { ino: 2n ** 53n + BigInt(n), size: n, mtimeNs: 1_764_000_000_123_456_789n, ...changes }
}

const at = (path: string, mountId = 'm1'): Place => ({ mountId, path: parsePath(path) })

async function etag({ metadata: store }: Records, path: string, n: number, mountId = 'm1') {
  const [found] = await store.find(mountId, [{ path: parsePath(path), fingerprint: version(n) }])
  return found?.etag ?? null
}

const TREE = ['/a', '/a/b', '/a/b/c', '/a%', '/a%/b', '/a_b', '/a.b', '/a0', '/ab', '/aé/b']

/** A row for each path of TREE, with the path as its etag and its place in TREE as its number. */
async function fill({ metadata: store }: Records): Promise<void> {
  for (const [n, path] of TREE.entries()) await store.put(at(path), version(n), metadata({ etag: path }))
}

/** Which paths of the tree still have their row. */
async function left(records: Records): Promise<string[]> {
  const found = await Promise.all(TREE.map((path, n) => etag(records, path, n)))
  return found.filter((path) => path !== null)
}

export function metadataSuite(make: MakeDatabase): void {
  describe('object metadata', () => {
    test('comes back whole for its file version, in the order asked', async () => {
      await using database = await make()
      const { metadata: store } = await database.open()
      await store.put(at('/x'), version(1), metadata())
      await store.put(at('/y'), version(2), metadata({ etag: 'y' }))
      const asked = [
        { path: parsePath('/y'), fingerprint: version(2) },
        { path: parsePath('/none'), fingerprint: version(3) },
        { path: parsePath('/x'), fingerprint: version(1) },
        { path: parsePath('/y'), fingerprint: version(2) },
      ]
      const y = metadata({ etag: 'y' })
      expect(await store.find('m1', asked)).toEqual([y, null, metadata(), y])
      expect(await store.find('m2', asked)).toEqual([null, null, null, null])
      expect(await store.find('m1', [])).toEqual([])
    })

    test('a row is found by its version under another path, and follows the file there', async () => {
      await using database = await make()
      const records = await database.open()
      const { metadata: store } = records
      await store.put(at('/x'), version(1), metadata({ etag: 'moved' }))
      await store.put(at('/x'), version(2), metadata({ etag: 'stays' }))
      await store.put(at('/y'), version(1, { size: 99 }), metadata({ etag: 'stale' }))
      const asked = [version(3), version(1), version(1, { mtimeNs: 1n })]
      const stray = { path: '/x', metadata: metadata({ etag: 'moved' }) }
      expect(await store.strays('m1', asked)).toEqual([null, stray, null])
      expect(await store.strays('m2', asked)).toEqual([null, null, null])
      expect(await store.strays('m1', [])).toEqual([])
      await store.rehome(at('/x'), version(1).ino, parsePath('/y'))
      expect(await etag(records, '/y', 1)).toBe('moved')
      expect(await etag(records, '/x', 1)).toBeNull()
      expect(await etag(records, '/x', 2)).toBe('stays')
    })

    test.each<[string, Partial<Fingerprint>]>([
      ['another inode, next beyond 2^53', { ino: 2n ** 53n + 2n }],
      ['another size', { size: 2 }],
      ['a nanosecond later', { mtimeNs: 1_764_000_000_123_456_790n }],
    ])('%s is another version', async (_, changes) => {
      await using database = await make()
      const { metadata: store } = await database.open()
      await store.put(at('/x'), version(1), metadata())
      const changed = version(1, changes)
      expect(await store.find('m1', [{ path: parsePath('/x'), fingerprint: changed }])).toEqual([null])
    })

    test('inodes of 64 bits and sizes of petabytes are kept exactly', async () => {
      await using database = await make()
      const { metadata: store } = await database.open()
      const fingerprint = { ino: 2n ** 64n - 1n, size: 2 ** 52 + 1, mtimeNs: -1n }
      await store.put(at('/x'), fingerprint, metadata())
      const near = { ...fingerprint, ino: 2n ** 64n - 2n }
      const path = parsePath('/x')
      expect(
        await store.find('m1', [
          { path, fingerprint },
          { path, fingerprint: near },
        ]),
      ).toEqual([metadata(), null])
    })

    test('putting again replaces; old and new version of one path live side by side', async () => {
      await using database = await make()
      const records = await database.open()
      await records.metadata.put(at('/x'), version(1), metadata({ etag: 'old' }))
      await records.metadata.put(at('/x'), version(2), metadata({ etag: 'new' }))
      expect([await etag(records, '/x', 1), await etag(records, '/x', 2)]).toEqual(['old', 'new'])
      await records.metadata.put(at('/x'), version(2, { size: 9 }), metadata({ etag: 'newer' }))
      expect(await etag(records, '/x', 2)).toBeNull()
    })

    test('1,000 entries are found in one call', async () => {
      await using database = await make()
      const { metadata: store } = await database.open()
      const files = Array.from({ length: 1_000 }, (_, n) => ({
        path: parsePath(`/folder/file ${n} %_'"ü`),
        fingerprint: version(n),
      }))
      const even = files.filter(({ fingerprint }) => fingerprint.size % 2 === 0)
      await Promise.all(
        even.map(({ path, fingerprint }) => store.put({ mountId: 'm1', path }, fingerprint, metadata())),
      )
      const found = await store.find('m1', files)
      expect(found.map((one) => one !== null)).toEqual(files.map((_, n) => n % 2 === 0))
    })

    test('retime: the same version goes on with a new mtime', async () => {
      await using database = await make()
      const { metadata: store } = await database.open()
      const later = version(1, { mtimeNs: 5n })
      await store.put(at('/x'), version(1), metadata())
      await store.retime(at('/x'), version(1, { size: 7 }), version(9))
      await store.retime(at('/x'), version(1), later)
      const path = parsePath('/x')
      const asked = [version(1), later].map((fingerprint) => ({ path, fingerprint }))
      expect(await store.find('m1', asked)).toEqual([null, metadata()])
    })

    test('move takes a file along, and no neighbour of a like name', async () => {
      await using database = await make()
      const records = await database.open()
      await fill(records)
      await records.metadata.move(at('/a%'), at('/moved'))
      expect(await etag(records, '/moved', 3)).toBe('/a%')
      expect(await etag(records, '/moved/b', 4)).toBe('/a%/b')
      expect(await left(records)).toEqual(TREE.filter((path) => path !== '/a%' && path !== '/a%/b'))
    })

    test('move takes everything below a folder along', async () => {
      await using database = await make()
      const records = await database.open()
      await fill(records)
      await records.metadata.move(at('/a'), at('/deep/er'))
      expect(await etag(records, '/deep/er', 0)).toBe('/a')
      expect(await etag(records, '/deep/er/b', 1)).toBe('/a/b')
      expect(await etag(records, '/deep/er/b/c', 2)).toBe('/a/b/c')
      expect(await left(records)).toEqual(TREE.filter((path) => path !== '/a' && !path.startsWith('/a/')))
    })

    test('move cuts names by characters, also beyond the basic plane', async () => {
      await using database = await make()
      const records = await database.open()
      await records.metadata.put(at('/😀é/x'), version(1), metadata({ etag: 'e' }))
      await records.metadata.move(at('/😀é'), at('/ü😀'))
      expect(await etag(records, '/ü😀/x', 1)).toBe('e')
    })

    test('move goes into and out of a mount’s root, and to another mount', async () => {
      await using database = await make()
      const records = await database.open()
      await records.metadata.put(at('/x/y'), version(1), metadata({ etag: 'e' }))
      await records.metadata.move(at('/x'), { mountId: 'm2', path: ROOT })
      expect(await etag(records, '/y', 1, 'm2')).toBe('e')
      await records.metadata.put(at('/', 'm2'), version(2), metadata({ etag: 'root' }))
      await records.metadata.move({ mountId: 'm2', path: ROOT }, at('/z'))
      expect([await etag(records, '/z/y', 1), await etag(records, '/z', 2)]).toEqual(['e', 'root'])
    })

    test('move onto a row of the same inode replaces it', async () => {
      await using database = await make()
      const records = await database.open()
      await records.metadata.put(at('/new'), version(1), metadata({ etag: 'stale' }))
      await records.metadata.put(at('/old'), version(1), metadata({ etag: 'true' }))
      await records.metadata.move(at('/old'), at('/new'))
      expect([await etag(records, '/old', 1), await etag(records, '/new', 1)]).toEqual([null, 'true'])
    })

    test('remove takes a place and everything below, by segment', async () => {
      await using database = await make()
      const records = await database.open()
      await fill(records)
      await records.metadata.put(at('/a', 'm2'), version(0), metadata({ etag: 'other mount' }))
      await records.metadata.remove(at('/a'))
      expect(await left(records)).toEqual(TREE.filter((path) => path !== '/a' && !path.startsWith('/a/')))
      expect(await etag(records, '/a', 0, 'm2')).toBe('other mount')
    })

    test('remove keeps the version that stays', async () => {
      await using database = await make()
      const records = await database.open()
      await records.metadata.put(at('/x'), version(1), metadata({ etag: 'old' }))
      await records.metadata.put(at('/x'), version(2), metadata({ etag: 'stays' }))
      await records.metadata.remove(at('/x'), version(2).ino)
      expect([await etag(records, '/x', 1), await etag(records, '/x', 2)]).toEqual([null, 'stays'])
    })

    test('removing the root of a mount empties it', async () => {
      await using database = await make()
      const records = await database.open()
      await fill(records)
      await records.metadata.remove(at('/'))
      expect(await left(records)).toEqual([])
    })
  })
}
