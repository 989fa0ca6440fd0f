import { expect, test } from 'vitest'
import type { Mount } from '#files/mount.ts'
import { ROOT } from '#permissions/path.ts'
import { at, get, never, put } from './support.ts'

/** Whole folders. */
export function trees(mount: () => Mount): void {
  test('a staged folder appears whole, or not at all', async () => {
    await put(mount(), '/a', 'content')
    await using source = await mount().open(at('/a'))
    await using folder = await mount().stageFolder()
    await folder.folder(['sub'])
    await folder.file(['sub', 'copy'], source, never)
    await folder.finish(['sub'])
    expect((await mount().list(ROOT, {})).entries.map((entry) => entry.name)).toEqual(['a'])
    await expect(folder.publish(at('/a'), false)).rejects.toMatchObject({ code: 'exists' })
    await folder.publish(at('/d'), false)
    expect(await get(mount(), '/d/sub/copy')).toBe('content')
  })

  test('a staged folder that is not published leaves nothing', async () => {
    const folder = await mount().stageFolder()
    await folder.folder(['sub'])
    await folder[Symbol.asyncDispose]()
    expect((await mount().list(ROOT, {})).entries).toEqual([])
  })

  test('removeTree takes all of a deep and broad tree', async () => {
    let path = '/d'
    await mount().mkdir(at(path))
    for (let i = 0; i < 40; i++) {
      await put(mount(), `${path}/f`, 'x')
      await mount().mkdir(at(`${path}/side`))
      path += '/d'
      await mount().mkdir(at(path))
    }
    await mount().removeTree(at('/d'))
    expect(await mount().find(at('/d'))).toBeNull()
  })
}
