import { describe, expect, test } from 'vitest'
import type { Place } from '#files/ports.ts'
import { parsePath } from '#permissions/path.ts'
import type { Records } from '#records/open.ts'
import type { MakeDatabase } from './fixtures.ts'

const at = (path: string, mountId = 'm1'): Place => ({ mountId, path: parsePath(path) })
const named = (local: string, xml = `<${local}/>`) => ({ uri: 'urn:x', local, xml })

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
      await versions.put('m1', { ...version, created: 1 })
      await versions.put('m1', version)
      expect(await versions.find('m1', [5n, now.ino])).toEqual([version])
      expect(await versions.find('m2', [now.ino])).toEqual([])
    })
  })
}
