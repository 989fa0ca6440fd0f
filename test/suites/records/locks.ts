import { describe, expect, test } from 'vitest'
import type { Lock } from '#files/locks.ts'
import type { LockStore } from '#files/ports.ts'
import { parsePath, ROOT } from '#permissions/path.ts'
import type { MakeDatabase } from './fixtures.ts'

function lock(path: string, changes: Partial<Lock> = {}): Lock {
  return {
    token: `urn:uuid:${path}`,
    path: parsePath(path),
    reach: 'entry',
    scope: 'exclusive',
    holder: 'k1',
    owner: '<D:href>me</D:href>',
    expiresAt: 1_000,
    ...changes,
  }
}

// Names that LIKE or a plain prefix would take for each other, and the characters around `/`.
const TREE = ['/a', '/a/b', '/a/b/c', '/a%', '/a%/x', '/a_', '/a.b', '/a-b', '/a0', '/ab', '/A/b', '/aé']

async function fill(locks: LockStore): Promise<void> {
  for (const path of TREE) await locks.insert('s1', lock(path))
}

const pathsOf = (locks: readonly Lock[]) => locks.map((one) => one.path).sort()

export function lockSuite(make: MakeDatabase): void {
  describe('locks', () => {
    test('a lock comes back whole', async () => {
      await using database = await make()
      const { locks } = await database.open()
      const tree = lock('/a', { reach: 'tree', scope: 'shared', expiresAt: Number.MAX_SAFE_INTEGER })
      await locks.insert('s1', tree)
      expect(await locks.find('s1', { paths: [tree.path], now: 0 })).toEqual([tree])
    })

    test('are found on any of the paths, in their site, until they end on the dot', async () => {
      await using database = await make()
      const { locks } = await database.open()
      await fill(locks)
      const paths = ['/a', '/ab', '/missing', '/a'].map(parsePath)
      expect(pathsOf(await locks.find('s1', { paths, now: 999 }))).toEqual(['/a', '/ab'])
      expect(await locks.find('s1', { paths, now: 1_000 })).toEqual([])
      expect(await locks.find('s2', { paths, now: 0 })).toEqual([])
      expect(await locks.find('s1', { paths: [], now: 0 })).toEqual([])
    })

    test.each([
      ['/a', ['/a/b', '/a/b/c']],
      ['/a/b', ['/a/b/c']],
      ['/a%', ['/a%/x']],
      ['/a_', []],
      ['/A', ['/A/b']],
      ['/', TREE],
    ])('below %s are the paths under it by segment, not itself', async (folder, expected) => {
      await using database = await make()
      const { locks } = await database.open()
      await fill(locks)
      const found = await locks.find('s1', { paths: [], below: parsePath(folder), now: 0 })
      expect(pathsOf(found)).toEqual([...expected].sort())
    })

    test('a lock that is on a path and below the folder is found once', async () => {
      await using database = await make()
      const { locks } = await database.open()
      await fill(locks)
      const query = { paths: [parsePath('/a/b')], below: parsePath('/a'), now: 0 }
      expect(pathsOf(await locks.find('s1', query))).toEqual(['/a/b', '/a/b/c'])
    })

    test('2,000 paths are asked in one call', async () => {
      await using database = await make()
      const { locks } = await database.open()
      await locks.insert('s1', lock('/f1999'))
      const paths = Array.from({ length: 2_000 }, (_, i) => parsePath(`/f${i}`))
      expect(pathsOf(await locks.find('s1', { paths, now: 0 }))).toEqual(['/f1999'])
    })

    test('a token is used once', async () => {
      await using database = await make()
      const { locks } = await database.open()
      await locks.insert('s1', lock('/a'))
      await expect(locks.insert('s1', lock('/b', { token: 'urn:uuid:/a' }))).rejects.toMatchObject({
        code: 'exists',
      })
    })

    test('an early question knows each lock of its own process, a later one those of all', async () => {
      await using database = await make()
      const [{ locks }, { locks: others }] = [await database.open(), await database.open()]
      const paths = [parsePath('/a')]
      const early = { paths, now: 0, early: true }
      expect(await locks.find('s1', { paths, now: 0 })).toEqual([])
      await others.insert('s1', lock('/a'))
      expect(await others.find('s1', early)).toHaveLength(1)
      expect(await locks.find('s1', { paths, now: 0 })).toHaveLength(1)
      expect(await locks.find('s1', early)).toHaveLength(1)
      await others.remove('s1', ['urn:uuid:/a'])
      expect(await locks.find('s1', early)).toEqual([])
    })

    test('two shared locks may be on one path', async () => {
      await using database = await make()
      const { locks } = await database.open()
      await locks.insert('s1', lock('/a', { scope: 'shared' }))
      await locks.insert('s1', lock('/a', { scope: 'shared', token: 'urn:uuid:2' }))
      expect(await locks.find('s1', { paths: [parsePath('/a')], now: 0 })).toHaveLength(2)
    })

    test('extending gives a new end, in the lock’s site only', async () => {
      await using database = await make()
      const { locks } = await database.open()
      await locks.insert('s1', lock('/a'))
      await locks.extend('s1', 'urn:uuid:/a', 5_000)
      const found = await locks.find('s1', { paths: [parsePath('/a')], now: 4_999 })
      expect(found).toEqual([lock('/a', { expiresAt: 5_000 })])
      await expect(locks.extend('s2', 'urn:uuid:/a', 9)).rejects.toMatchObject({ code: 'not_found' })
    })

    test('removing by token leaves other sites alone', async () => {
      await using database = await make()
      const { locks } = await database.open()
      await fill(locks)
      await locks.remove('s2', ['urn:uuid:/a'])
      await locks.remove('s1', ['urn:uuid:/ab', 'urn:uuid:/a0', 'unknown'])
      await locks.remove('s1', [])
      const left = await locks.find('s1', { paths: [], below: ROOT, now: 0 })
      expect(pathsOf(left)).toEqual(TREE.filter((path) => path !== '/ab' && path !== '/a0').sort())
    })

    test('removing within a path takes it and all below, by segment', async () => {
      await using database = await make()
      const { locks } = await database.open()
      await fill(locks)
      await locks.insert('s2', lock('/a/b', { token: 'of another site' }))
      await locks.removeWithin('s1', parsePath('/a'))
      const left = await locks.find('s1', { paths: [], below: ROOT, now: 0 })
      expect(pathsOf(left)).toEqual(TREE.filter((path) => path !== '/a' && !path.startsWith('/a/')).sort())
      expect(await locks.find('s2', { paths: [parsePath('/a/b')], now: 0 })).toHaveLength(1)
    })

    test('removing what has ended leaves what has not', async () => {
      await using database = await make()
      const { locks } = await database.open()
      await locks.insert('s1', lock('/a', { expiresAt: 10 }))
      await locks.insert('s1', lock('/b', { expiresAt: 11 }))
      await locks.removeExpired(10)
      expect(pathsOf(await locks.find('s1', { paths: [], below: ROOT, now: 0 }))).toEqual(['/b'])
    })
  })
}
