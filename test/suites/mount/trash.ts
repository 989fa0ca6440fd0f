import { expect, test } from 'vitest'
import type { Mount } from '#files/mount.ts'
import { at, get, put } from './support.ts'

/** What was deleted and is kept for a while. */
export function trash(mount: () => Mount): void {
  test('a file and a whole tree go into the trash and come back, with their version', async () => {
    const entry = await put(mount(), '/a', 'content')
    await mount().mkdir(at('/d'))
    await put(mount(), '/d/x', 'x')
    await mount().trash.put(at('/a'), 'one')
    await mount().trash.put(at('/d'), 'two')
    expect(await mount().find(at('/a'))).toBeNull()
    expect([...(await mount().trash.names())].sort()).toEqual(['one', 'two'])
    expect(await mount().trash.has('one')).toBe(true)
    await mount().trash.restore('one', at('/b'), false)
    expect(await mount().find(at('/b'))).toMatchObject({ version: entry.version })
    await mount().trash.restore('two', at('/b'), true)
    expect(await get(mount(), '/b/x')).toBe('x')
    expect(await mount().trash.names()).toEqual([])
  })

  test('restore replaces only when asked, and needs the folder', async () => {
    await put(mount(), '/a', 'a')
    await mount().trash.put(at('/a'), 'one')
    await put(mount(), '/a', 'newer')
    const to = (path: string) => mount().trash.restore('one', at(path), false)
    await expect(to('/a')).rejects.toMatchObject({ code: 'exists' })
    await expect(to('/none/a')).rejects.toMatchObject({ code: 'no_parent' })
    await expect(mount().trash.restore('none', at('/x'), false)).rejects.toMatchObject({ code: 'not_found' })
    await expect(mount().trash.put(at('/none'), 'two')).rejects.toMatchObject({ code: 'not_found' })
    expect(await get(mount(), '/a')).toBe('newer')
    expect(await mount().trash.has('one')).toBe(true)
  })

  test('drop takes it away for good, and is fine with nothing', async () => {
    await mount().mkdir(at('/d'))
    await put(mount(), '/d/x', 'x')
    await mount().trash.put(at('/d'), 'one')
    await mount().trash.drop('one')
    await mount().trash.drop('one')
    expect(await mount().trash.has('one')).toBe(false)
    expect(await mount().trash.names()).toEqual([])
  })
}
