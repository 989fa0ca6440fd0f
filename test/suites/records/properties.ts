import { describe, expect, test } from 'vitest'
import type { Place } from '#files/ports.ts'
import { parsePath } from '#permissions/path.ts'
import type { Records } from '#records/open.ts'
import { type MakeDatabase, metadata as objectMetadata } from './fixtures.ts'

const at = (path: string, mountId = 'm1'): Place => ({ mountId, path: parsePath(path) })
const named = (local: string, xml = `<${local}/>`) => ({ uri: 'urn:x', local, xml })

const keptAs = (ino: bigint) => ({
  now: { ino, size: 1, mtimeNs: 1_000n },
  created: 1_700_000_000_000,
  keptMtimeNs: 9n,
})

async function set({ properties }: Records, path: string, ...locals: string[]): Promise<void> {
  const change = { set: locals.map((local) => named(local)), remove: [] }
  await properties.change(at(path), change, 9)
}

async function namesAt({ properties }: Records, path: string, mountId = 'm1'): Promise<string[]> {
  const [found = []] = await properties.find(mountId, [parsePath(path)])
  return found.map(({ local }) => local).toSorted()
}

export function propertySuite(make: MakeDatabase): void {
  describe('dead properties', () => {
    test('are set, replaced and removed at once, and come back in the order of the paths', async () => {
      await using database = await make()
      const records = await database.open()
      const { properties } = records
      await set(records, '/a', 'one', 'two')
      await properties.change(at('/a'), { set: [named('two', '<two>2</two>')], remove: [named('one')] }, 9)
      const paths = [parsePath('/none'), parsePath('/a')]
      expect(await properties.find('m1', paths)).toEqual([[], [named('two', '<two>2</two>')]])
      expect(await properties.find('m2', paths)).toEqual([[], []])
      expect(await properties.find('m1', [])).toEqual([])
    })

    test('beyond the bound is `quota`, and nothing changed', async () => {
      await using database = await make()
      const records = await database.open()
      await set(records, '/a', 'one', 'two')
      const change = { set: [named('three'), named('four')], remove: [named('one')] }
      await expect(records.properties.change(at('/a'), change, 2)).rejects.toMatchObject({ code: 'quota' })
      expect(await namesAt(records, '/a')).toEqual(['one', 'two'])
    })

    test('move and copy with all that lies below, by segment, over what was there', async () => {
      await using database = await make()
      const records = await database.open()
      for (const path of ['/a', '/a/b%', '/ab', '/t', '/t/old']) await set(records, path, path.slice(1))
      await records.properties.copy(at('/a'), at('/t'), false)
      expect([await namesAt(records, '/t'), await namesAt(records, '/t/b%')]).toEqual([['a'], ['a/b%']])
      expect(await namesAt(records, '/t/old')).toEqual([])
      await records.properties.move(at('/a'), at('/x/y', 'm2'))
      expect(await namesAt(records, '/x/y/b%', 'm2')).toEqual(['a/b%'])
      expect([await namesAt(records, '/a'), await namesAt(records, '/ab')]).toEqual([[], ['ab']])
    })

    test('a shallow copy takes those of the folder alone; removal takes all below', async () => {
      await using database = await make()
      const records = await database.open()
      for (const path of ['/a', '/a/b', '/a0']) await set(records, path, 'p')
      await records.properties.copy(at('/a'), at('/c'), true)
      expect([await namesAt(records, '/c'), await namesAt(records, '/c/b')]).toEqual([['p'], []])
      await records.properties.remove(at('/a'))
      const left = ['/a', '/a/b', '/a0'].map((path) => namesAt(records, path))
      expect(await Promise.all(left)).toEqual([[], [], ['p']])
    })
  })

  describe('kept versions', () => {
    test('come back exactly, one for each inode', async () => {
      await using database = await make()
      const { versions } = await database.open()
      const now = { ino: 2n ** 64n - 1n, size: 2 ** 52 + 1, mtimeNs: -1_000n }
      const version = { now, created: 1_700_000_000_000.123, keptMtimeNs: 1_764_000_000_123_456_789n }
      await versions.put(at('/a'), { ...version, created: 1 })
      await versions.put(at('/a'), version)
      expect(await versions.find('m1', [5n, now.ino])).toEqual([version])
      expect(await versions.find('m2', [now.ino])).toEqual([])
    })

    test('come in pages with where their files are, follow them and go with them, by segment', async () => {
      await using database = await make()
      const { versions } = await database.open()
      const places = ['/a/b', '/ab', '/a', '/c']
      for (const [i, path] of places.entries()) await versions.put(at(path), keptAs(BigInt(i)))
      await versions.move(at('/a'), at('/x', 'm2'))
      await versions.remove(at('/c'))
      const paths = async (mount: string) => (await versions.page(mount, null, 9)).map(({ path }) => path)
      expect([await paths('m1'), await paths('m2')]).toEqual([['/ab'], ['/x/b', '/x']])
      const [first] = await versions.page('m2', null, 1)
      expect(first).toEqual({ ...keptAs(0n), path: '/x/b' })
      expect((await versions.page('m2', 0n, 9)).map(({ path }) => path)).toEqual(['/x'])
    })

    test('are dropped only as they were looked at, and not where metadata is bound to the file', async () => {
      await using database = await make()
      const { versions, metadata } = await database.open()
      for (const i of [1n, 2n, 3n, 4n]) await versions.put(at(`/${i}`), keptAs(i))
      const looked = await versions.page('m1', null, 9)
      await metadata.put(at('/elsewhere'), { ino: 2n, size: 1, mtimeNs: 9n }, objectMetadata())
      await versions.put(at('/3'), { ...keptAs(3n), now: { ino: 3n, size: 1, mtimeNs: 7_000n } })
      await versions.move(at('/4'), at('/moved'))
      expect(await versions.drop('m1', looked)).toBe(1)
      expect((await versions.page('m1', null, 9)).map(({ path }) => path)).toEqual(['/2', '/3', '/moved'])
      expect(await versions.drop('m1', [])).toBe(0)
    })
  })
}
