import { expect, test } from 'vitest'
import type { Mount } from '#files/mount.ts'
import { ROOT } from '#permissions/path.ts'
import { at, get, type MountUnderTest, never, put, staged } from './support.ts'

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

/** Parts of multipart uploads, and the sweep. */
export function parts(mount: () => Mount, world: () => MountUnderTest): void {
  const id = 'ab'.repeat(24)

  test('parts are kept over a restart, and go with their upload', async () => {
    await (await staged(mount(), 'one')).keepAsPart(id, '1-x')
    await using later = world().again()
    await using part = await later.openPart(id, '1-x')
    const target = Buffer.alloc(9)
    expect(target.subarray(0, await part.read(target, 0)).toString()).toBe('one')
    await later.sweep(async () => new Set([id]))
    expect(await mount().parts(id)).toEqual(['1-x'])
    await later.dropParts(id)
    expect(await mount().parts(id)).toEqual([])
    await expect(mount().openPart(id, '1-x')).rejects.toMatchObject({ code: 'not_found' })
  })

  test('the sweep removes parts of uploads that do not exist', async () => {
    await (await staged(mount(), 'one')).keepAsPart(id, '1-x')
    await mount().sweep(async () => new Set())
    expect(await mount().parts(id)).toEqual([])
  })

  test('the sweep leaves alone what a living process is receiving', async () => {
    await using upload = await staged(mount(), 'still coming')
    await using later = world().again()
    await later.sweep(async () => new Set())
    await upload.publish(at('/a'), {})
    expect(await get(mount(), '/a')).toBe('still coming')
  })
}
