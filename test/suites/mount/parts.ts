import { expect, test } from 'vitest'
import type { KeptPart, Mount, StagedPartFile } from '#files/mount.ts'
import { at, get, type MountUnderTest, never, staged } from './support.ts'

const ID = 'ab'.repeat(24)

/** A part whose length is said in advance, so that it may lie in the slot of its number. */
function begin(mount: Mount, number: number, size: number): Promise<StagedPartFile> {
  return mount.parts.stage(ID, { number, size }, never)
}

async function keep(part: StagedPartFile, number: number, text: string): Promise<KeptPart> {
  await part.write([Buffer.from(text)], 0)
  return { name: await part.keep(`${number}-${text}`), size: part.size }
}

async function kept(mount: Mount, number: number, text: string): Promise<KeptPart> {
  return keep(await begin(mount, number, text.length), number, text)
}

async function keptAlone(mount: Mount, number: number, text: string): Promise<KeptPart> {
  return keep(await mount.parts.stage(ID, { number, size: undefined }, never), number, text)
}

async function contentOf(mount: Mount, part: KeptPart): Promise<string> {
  await using file = await mount.parts.open(ID, part)
  const target = Buffer.alloc(file.entry.size + 9)
  return target.subarray(0, await file.read(target, 0)).toString()
}

/** Parts of multipart uploads, and the sweep. */
export function parts(mount: () => Mount, world: () => MountUnderTest): void {
  for (const [how, keepIt] of [
    ['in its slot', kept],
    ['in a file of its own', keptAlone],
  ] as const) {
    test(`a part ${how} is kept over a restart, and goes with its upload`, async () => {
      const part = await keepIt(mount(), 1, 'one')
      await using later = world().again()
      expect(await contentOf(later, part)).toBe('one')
      await later.sweep(async () => new Set([ID]))
      expect(await mount().parts.names(ID)).toEqual([part.name])
      await later.parts.dropAll(ID)
      expect(await mount().parts.names(ID)).toEqual([])
      await expect(mount().parts.open(ID, part)).rejects.toMatchObject({ code: 'not_found' })
    })

    test(`the sweep removes a part ${how} of an upload that does not exist`, async () => {
      await keepIt(mount(), 1, 'one')
      await mount().sweep(async () => new Set())
      expect(await mount().parts.names(ID)).toEqual([])
    })
  }

  test('the sweep leaves alone what a living process is receiving', async () => {
    await using upload = await staged(mount(), 'still coming')
    await using later = world().again()
    await later.sweep(async () => new Set())
    await upload.publish(at('/a'), {})
    expect(await get(mount(), '/a')).toBe('still coming')
  })

  test('parts of one length and a shorter last one are joined as they lie, whatever came first', async () => {
    const third = await kept(mount(), 3, 'ccc')
    const first = await kept(mount(), 1, 'aaa')
    const second = await kept(mount(), 2, 'bbb')
    const last = await kept(mount(), 4, 'd')
    const joined = await mount().parts.join(ID, [first, second, third, last])
    expect(joined?.joined).toBe(4)
    await joined?.staged.publish(at('/whole'), {})
    await mount().parts.dropAll(ID)
    expect(await get(mount(), '/whole')).toBe('aaabbbcccd')
  })

  test('what is joined and then dropped leaves the parts, which can be joined again', async () => {
    const all = [await kept(mount(), 1, 'aaa'), await kept(mount(), 2, 'bb')]
    const failed = await mount().parts.join(ID, all)
    await failed?.staged.write([Buffer.from('appended')], 5)
    await failed?.staged[Symbol.asyncDispose]()
    expect(await world().leftovers()).toEqual([])
    expect(await Promise.all(all.map((part) => contentOf(mount(), part)))).toEqual(['aaa', 'bb'])
    const joined = await mount().parts.join(ID, all)
    await joined?.staged.publish(at('/whole'), {})
    expect(await get(mount(), '/whole')).toBe('aaabb')
  })

  test('a short last part that came first is not among those that lie together', async () => {
    const last = await kept(mount(), 3, 'c')
    const first = await kept(mount(), 1, 'aaa')
    const second = await kept(mount(), 2, 'bbb')
    const joined = await mount().parts.join(ID, [first, second, last])
    expect(joined?.joined).toBe(2)
    expect(joined?.staged.size).toBe(6)
    await joined?.staged[Symbol.asyncDispose]()
    expect(await contentOf(mount(), last)).toBe('c')
  })

  test('nothing is joined in place while another part is still being received', async () => {
    const first = await kept(mount(), 1, 'aaa')
    await using second = await begin(mount(), 2, 3)
    expect(await mount().parts.join(ID, [first])).toBeNull()
    // What was begun before goes on, and is found.
    expect(await contentOf(mount(), await keep(second, 2, 'bbb'))).toBe('bbb')
  })

  test('nothing is joined in place while parts lie there that are not asked for', async () => {
    const all = [await kept(mount(), 1, 'aaa'), await kept(mount(), 2, 'bbb'), await kept(mount(), 3, 'c')]
    expect(await mount().parts.join(ID, all.slice(0, 2))).toBeNull()
    expect(
      await mount().parts.join(
        ID,
        [all[0], all[2]].filter((part) => part !== undefined),
      ),
    ).toBeNull()
    expect(await mount().parts.join(ID, all.slice(1))).toBeNull()
    expect(await Promise.all(all.map((part) => contentOf(mount(), part)))).toEqual(['aaa', 'bbb', 'c'])
  })

  test('nothing comes into a file that has become an object', async () => {
    const first = await kept(mount(), 1, 'aaa')
    const joined = await mount().parts.join(ID, [first])
    const late = await kept(mount(), 2, 'bbb')
    await joined?.staged.publish(at('/whole'), {})
    const later = await kept(mount(), 3, 'ccc')
    expect(await get(mount(), '/whole')).toBe('aaa')
    expect(await Promise.all([late, later].map((part) => contentOf(mount(), part)))).toEqual(['bbb', 'ccc'])
    // Completed, but a crash came before the parts were dropped: the object is left alone.
    expect(await mount().parts.join(ID, [first])).toBeNull()
  })

  test('a part sent again does not touch the first, whose bytes may be those that count', async () => {
    const first = await kept(mount(), 1, 'aaa')
    const again = await kept(mount(), 1, 'AAA')
    expect(await contentOf(mount(), first)).toBe('aaa')
    expect(await contentOf(mount(), again)).toBe('AAA')
    expect([...(await mount().parts.names(ID))].sort()).toEqual([again.name, first.name].sort())
    await mount().parts.drop(ID, first.name)
    expect(await mount().parts.join(ID, [again])).toBeNull()
    expect(await contentOf(mount(), again)).toBe('AAA')
  })

  test('the slot of a dropped part is used again, and nothing of what was dropped is seen', async () => {
    const dropped = await begin(mount(), 2, 3)
    await dropped.write([Buffer.from('xyz')], 0)
    await dropped[Symbol.asyncDispose]()
    const all = [await kept(mount(), 1, 'aaa'), await kept(mount(), 2, 'b')]
    expect(await Promise.all(all.map((part) => contentOf(mount(), part)))).toEqual(['aaa', 'b'])
    const joined = await mount().parts.join(ID, all)
    await joined?.staged.publish(at('/whole'), {})
    expect(await get(mount(), '/whole')).toBe('aaab')
  })

  test('a part stays within what was said of it', async () => {
    const neighbour = await kept(mount(), 2, 'bbb')
    await using part = await begin(mount(), 1, 3)
    await expect(part.write([Buffer.from('aaaa')], 0)).rejects.toMatchObject({ code: 'invalid' })
    await expect(part.write([Buffer.from('a')], 2)).rejects.toMatchObject({ code: 'invalid' })
    expect(await contentOf(mount(), neighbour)).toBe('bbb')
  })

  test('a part far behind the others has a file of its own', async () => {
    const far = await mount().parts.stage(ID, { number: 10_000, size: 5 * 1024 ** 3 }, never)
    await far.write([Buffer.from('far')], 0)
    expect(await far.keep('10000-far')).toBe('10000-far')
  })
}
