import { describe, expect, test } from 'vitest'
import type { TrashRecord } from '#files/ports.ts'
import { parsePath } from '#permissions/path.ts'
import type { Records } from '#records/open.ts'
import { AUDIT, type MakeDatabase, mount, site } from './fixtures.ts'

const place = (path: string, mountId = 'm1') => ({ mountId, path: parsePath(path) })

function deleted(at: number, path: string, changes: Partial<TrashRecord> = {}): TrashRecord {
  return {
    id: `${String(at).padStart(13, '0')}-0123456789abcdef`,
    place: place(path),
    kind: 'file',
    size: 2 ** 52 + 1,
    deletedAt: at,
    user: { id: 'u1', name: 'ann' },
    key: null,
    ...changes,
  }
}

async function opened(records: Records): Promise<Records['trash']> {
  const { identity, trash } = records
  await identity.addSite(site(), mount(), AUDIT)
  await identity.addMount(mount({ id: 'm2', path: parsePath('/m') }), AUDIT)
  return trash
}

export function trashSuite(make: MakeDatabase): void {
  describe('the trash', () => {
    test('a record comes back whole, for its mounts only', async () => {
      await using database = await make()
      const trash = await opened(await database.open())
      const folder = deleted(5, '/d', { kind: 'folder', size: 0, user: null, key: { id: 'k', name: 'key' } })
      await trash.insert(folder)
      expect(await trash.get(['m2', 'm1'], folder.id)).toEqual(folder)
      expect(await trash.get(['m2'], folder.id)).toBeNull()
      expect(await trash.get(['m1'], 'none')).toBeNull()
    })

    test('is listed by place, by segment, the newest first, page by page', async () => {
      await using database = await make()
      const trash = await opened(await database.open())
      const paths = ['/a', '/a/b', '/ab', '/a%', '/a/b/c']
      for (const [n, path] of paths.entries()) await trash.insert(deleted(n, path))
      await trash.insert(deleted(10, '/x', { place: place('/x', 'm2') }))
      const list = async (...[places, page]: Parameters<typeof trash.list>) =>
        (await trash.list(places, page)).map((one) => one.place.path)
      expect(await list([place('/a')], { limit: 9 })).toEqual(['/a/b/c', '/a/b', '/a'])
      expect(await list([place('/')], { limit: 2 })).toEqual(['/a/b/c', '/a%'])
      expect(await list([place('/')], { limit: 9, before: deleted(3, '/').id })).toEqual([
        '/ab',
        '/a/b',
        '/a',
      ])
      expect(await list([place('/a/b'), place('/', 'm2')], { limit: 2 })).toEqual(['/x', '/a/b/c'])
      expect(await list([], { limit: 9 })).toEqual([])
    })

    test('older gives the oldest first, and remove takes them', async () => {
      await using database = await make()
      const trash = await opened(await database.open())
      for (const at of [3, 1, 2]) await trash.insert(deleted(at, `/${at}`))
      expect((await trash.older('m1', 3, 9)).map(({ deletedAt }) => deletedAt)).toEqual([1, 2])
      expect(await trash.older('m2', 9, 9)).toEqual([])
      await trash.remove([deleted(1, '/').id, deleted(3, '/').id])
      await trash.remove([])
      expect((await trash.older('m1', 9, 9)).map(({ deletedAt }) => deletedAt)).toEqual([2])
    })

    test('goes with its mount', async () => {
      await using database = await make()
      const records = await database.open()
      const trash = await opened(records)
      await trash.insert(deleted(1, '/x', { place: place('/x', 'm2') }))
      await records.identity.removeMount('s1', 'm2', AUDIT)
      expect(await trash.list([place('/', 'm2')], { limit: 9 })).toEqual([])
    })

    test('a mount’s trash days are changed alone, and its read-only flag alone', async () => {
      await using database = await make()
      const records = await database.open()
      await opened(records)
      const { settings } = mount()
      await records.identity.updateMount('s1', 'm1', { trashDays: 30 }, AUDIT)
      await records.identity.updateMount('s1', 'm1', { readOnly: true }, AUDIT)
      expect(await records.mounts.mountsOf('s1')).toMatchObject([
        { id: 'm1', readOnly: true, settings: { ...settings, trashDays: 30 } },
        { id: 'm2', readOnly: false, settings },
      ])
    })
  })
}
