import { expect, test } from 'vitest'
import type { Mount } from '#files/mount.ts'
import { fingerprintOf } from '#files/version.ts'
import { ROOT } from '#permissions/path.ts'
import { at, get, put } from './support.ts'

/** Folders, removal, names, times. */
export function changing(mount: () => Mount): void {
  test('mkdir: there is exists, without a parent is no_parent', async () => {
    expect(await mount().mkdir(at('/d'))).toMatchObject({ path: '/d', kind: 'folder', size: 0 })
    await expect(mount().mkdir(at('/d'))).rejects.toMatchObject({ code: 'exists' })
    await expect(mount().mkdir(at('/no/d'))).rejects.toMatchObject({ code: 'no_parent' })
  })

  test('remove takes files and empty folders only', async () => {
    await mount().mkdir(at('/d'))
    await put(mount(), '/d/a', 'x')
    await expect(mount().remove(at('/d'))).rejects.toMatchObject({ code: 'not_empty' })
    await mount().remove(at('/d/a'))
    await mount().remove(at('/d'))
    expect(await mount().find(at('/d'))).toBeNull()
    await expect(mount().remove(at('/d'))).rejects.toMatchObject({ code: 'not_found' })
  })

  test('rename keeps the version and replaces only when asked', async () => {
    const entry = await put(mount(), '/a', 'a')
    await put(mount(), '/b', 'b')
    await expect(mount().rename(at('/a'), at('/b'), false)).rejects.toMatchObject({ code: 'exists' })
    await mount().rename(at('/a'), at('/b'), true)
    expect(await mount().find(at('/b'))).toMatchObject({ version: entry.version })
    expect(await mount().find(at('/a'))).toBeNull()
    await expect(mount().rename(at('/a'), at('/c'), false)).rejects.toMatchObject({ code: 'not_found' })
    await expect(mount().rename(at('/b'), at('/no/b'), false)).rejects.toMatchObject({ code: 'no_parent' })
  })

  test('a folder replaces a folder with members, and a file', async () => {
    await mount().mkdir(at('/new'))
    await put(mount(), '/new/n', 'n')
    await mount().mkdir(at('/old'))
    await put(mount(), '/old/o', 'o')
    await mount().rename(at('/new'), at('/old'), true)
    expect((await mount().list(at('/old'), {})).entries.map((entry) => entry.name)).toEqual(['n'])
    await put(mount(), '/file', 'f')
    await mount().rename(at('/old'), at('/file'), true)
    expect(await get(mount(), '/file/n')).toBe('n')
  })

  test('setModified changes the time and tells what was before', async () => {
    const entry = await put(mount(), '/a', 'a')
    const { before, entry: after } = await mount().setModified(at('/a'), 1_500_000_000_000)
    expect(before).toEqual(fingerprintOf(entry))
    expect(after.modified).toBe(1_500_000_000_000)
    await expect(mount().setModified(at('/a'), Number.NaN)).rejects.toMatchObject({ code: 'invalid' })
  })

  test('open: a folder is unsupported, nothing is not_found', async () => {
    await mount().mkdir(at('/d'))
    await expect(mount().open(at('/d'))).rejects.toMatchObject({ code: 'unsupported' })
    await expect(mount().open(ROOT)).rejects.toMatchObject({ code: 'unsupported' })
    await expect(mount().open(at('/x'))).rejects.toMatchObject({ code: 'not_found' })
    await expect(mount().open(at('/d/x/y'))).rejects.toMatchObject({ code: 'not_found' })
  })

  test('space has room in it', async () => {
    const { total, available, used } = await mount().space()
    expect(total).toBeGreaterThan(0)
    expect(available).toBeLessThanOrEqual(total)
    expect(used).toBeLessThanOrEqual(total)
  })
}
