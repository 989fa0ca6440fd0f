import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Mount, Staged } from '#files/mount.ts'
import { parsePath, ROOT } from '#permissions/path.ts'

export type MountUnderTest = AsyncDisposable & {
  readonly mount: Mount
  /** Another opening of the same storage, as after a restart. */
  again(): Mount
  /** Names in staging that no finished work should leave. */
  leftovers(): Promise<readonly string[]>
}

const at = parsePath
const never = new AbortController().signal

/** What each type of mount must do, whatever it keeps its bytes in. */
export function mountSuite(name: string, start: () => Promise<MountUnderTest>): void {
  describe(`mount: ${name}`, () => {
    let world: MountUnderTest
    let mount: Mount
    beforeEach(async () => {
      world = await start()
      mount = world.mount
    })
    afterEach(async () => {
      expect(await world.leftovers()).toEqual([])
      await world[Symbol.asyncDispose]()
    })

    publishing(() => mount)
    changing(() => mount)
    listing(() => mount)
    trees(() => mount)
    parts(
      () => mount,
      () => world,
    )
  })
}

async function staged(mount: Mount, text: string): Promise<Staged> {
  const upload = await mount.stage({ signal: never })
  await upload.write([Buffer.from(text)], 0)
  return upload
}

async function put(mount: Mount, path: string, text: string) {
  const upload = await staged(mount, text)
  return upload.publish(at(path), {})
}

async function get(mount: Mount, path: string): Promise<string> {
  await using file = await mount.open(at(path))
  const target = Buffer.alloc(file.entry.size + 1)
  return target.subarray(0, await file.read(target, 0)).toString()
}

function publishing(mount: () => Mount): void {
  test('what is staged is seen whole after publication and not before', async () => {
    await using upload = await staged(mount(), 'hello')
    expect(await mount().find(at('/a'))).toBeNull()
    const entry = await upload.publish(at('/a'), {})
    expect(entry).toMatchObject({ path: '/a', name: 'a', kind: 'file', size: 5 })
    expect(await mount().find(at('/a'))).toEqual(entry)
    expect(await get(mount(), '/a')).toBe('hello')
  })

  test('an open file stays one version while another is published over it', async () => {
    const first = await put(mount(), '/a', 'first')
    await using file = await mount().open(at('/a'))
    const second = await put(mount(), '/a', 'second')
    const target = Buffer.alloc(10)
    expect(target.subarray(0, await file.read(target, 0)).toString()).toBe('first')
    expect(file.entry.version).toBe(first.version)
    expect(second.version).not.toBe(first.version)
  })

  test('a hole reads as zeros, and truncation cuts and extends', async () => {
    await using upload = await staged(mount(), 'abc')
    await upload.write([Buffer.from('z')], 5)
    expect(upload.size).toBe(6)
    await upload.truncate(2)
    await upload.truncate(4)
    await upload.publish(at('/a'), {})
    expect(await get(mount(), '/a')).toBe('ab\0\0')
  })

  test('chunks are written one behind the other', async () => {
    await using upload = await mount().stage({ signal: never })
    await upload.write([Buffer.from('ab'), Buffer.alloc(0), Buffer.from('c'), Buffer.from('def')], 0)
    await upload.publish(at('/a'), {})
    expect(await get(mount(), '/a')).toBe('abcdef')
  })

  test('staging from a file starts with its content and leaves it alone', async () => {
    await put(mount(), '/a', 'abcdef')
    await using from = await mount().open(at('/a'))
    await using upload = await mount().stage({ from, signal: never })
    await upload.write([Buffer.from('X')], 2)
    await upload.publish(at('/b'), {})
    expect(await get(mount(), '/b')).toBe('abXdef')
    expect(await get(mount(), '/a')).toBe('abcdef')
  })

  test('ifAbsent: of many at once exactly one is published', async () => {
    const uploads = await Promise.all(Array.from({ length: 20 }, (_, i) => staged(mount(), `${i}`)))
    const results = await Promise.allSettled(uploads.map((one) => one.publish(at('/a'), { ifAbsent: true })))
    for (const one of uploads) await one[Symbol.asyncDispose]()
    const refused = results.filter((result) => result.status === 'rejected')
    expect(refused).toHaveLength(19)
    for (const { reason } of refused) expect(reason).toMatchObject({ code: 'precondition' })
  })

  test('a failure before publication leaves the old file', async () => {
    await put(mount(), '/a', 'old')
    await using upload = await staged(mount(), 'new')
    const before = () => Promise.reject(new Error('no'))
    await expect(upload.publish(at('/a'), { before })).rejects.toThrow('no')
    expect(await get(mount(), '/a')).toBe('old')
  })

  test('the fingerprint given before publication is that of the published version', async () => {
    const { fingerprintOf } = await import('#files/version.ts')
    const upload = await staged(mount(), 'x')
    const seen: unknown[] = []
    const before = async (fingerprint: unknown) => void seen.push(fingerprint)
    const entry = await upload.publish(at('/a'), { before, modified: 1_600_000_000_123 })
    expect(seen).toEqual([fingerprintOf(entry)])
    expect(Math.floor(entry.modified)).toBe(1_600_000_000_123)
  })

  test('a missing folder is no_parent, a folder in the way is exists', async () => {
    await using one = await staged(mount(), 'x')
    await expect(one.publish(at('/no/a'), {})).rejects.toMatchObject({ code: 'no_parent' })
    await mount().mkdir(at('/d'))
    await expect(one.publish(at('/d'), {})).rejects.toMatchObject({ code: 'exists' })
    await one.publish(at('/d'), { replaceFolder: true })
    expect(await get(mount(), '/d')).toBe('x')
  })

  test.each([-1, 2 ** 53, 2 ** 63, Number.NaN, 1.5, Number.POSITIVE_INFINITY])(
    'offset %d is refused before it reaches native code',
    async (offset) => {
      await using upload = await staged(mount(), 'abc')
      const invalid = { code: 'invalid' }
      await expect(upload.write([Buffer.from('x')], offset)).rejects.toMatchObject(invalid)
      await expect(upload.read(Buffer.alloc(1), offset)).rejects.toMatchObject(invalid)
      await expect(upload.truncate(offset)).rejects.toMatchObject(invalid)
      expect(upload.size).toBe(3)
    },
  )
}

function changing(mount: () => Mount): void {
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
    const { fingerprintOf } = await import('#files/version.ts')
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

function listing(mount: () => Mount): void {
  test('S3 29: members come in UTF-8 byte order, folders as name/, and pages of any size join to the same', async () => {
    const files = ['a-b', 'a0', 'b', '\ue000', '\u{1f600}', 'é', 'Z']
    for (const name of files) await put(mount(), `/${name}`, '')
    await mount().mkdir(at('/a'))
    const expected = ['Z', 'a-b', 'a/', 'a0', 'b', 'é', '\ue000', '\u{1f600}']
    for (const limit of [1, 2, 3, 5, 8, 100]) {
      const seen: string[] = []
      let after: string | null = ''
      while (after !== null) {
        const page: Awaited<ReturnType<Mount['list']>> = await mount().list(ROOT, { after, limit })
        expect(page.entries.length).toBeLessThanOrEqual(limit)
        seen.push(...page.entries.map((entry) => (entry.kind === 'folder' ? `${entry.name}/` : entry.name)))
        after = page.next
      }
      expect(seen).toEqual(expected)
    }
  })

  test('a full last page says that it is the last', async () => {
    for (const name of ['a', 'b']) await put(mount(), `/${name}`, '')
    expect((await mount().list(ROOT, { limit: 2 })).next).toBeNull()
    expect((await mount().list(ROOT, { limit: 1 })).next).toBe('a')
  })

  test('prefix and shows narrow the list before anything is read', async () => {
    for (const name of ['ab', 'abc', 'abd', 'b']) await put(mount(), `/${name}`, '')
    const page = await mount().list(ROOT, { prefix: 'ab', shows: (name) => name !== 'abc' })
    expect(page.entries.map((entry) => entry.name)).toEqual(['ab', 'abd'])
    expect(page.next).toBeNull()
  })

  test('a change is seen by the next listing, however soon', async () => {
    for (let i = 0; i < 30; i++) {
      await put(mount(), `/f${i}`, '')
      expect((await mount().list(ROOT, {})).entries).toHaveLength(i + 1)
    }
  })

  test('a file is not listed', async () => {
    await put(mount(), '/a', '')
    await expect(mount().list(at('/a'), {})).rejects.toMatchObject({ code: 'not_found' })
    await expect(mount().list(at('/x'), {})).rejects.toMatchObject({ code: 'not_found' })
  })
}

function trees(mount: () => Mount): void {
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

function parts(mount: () => Mount, world: () => MountUnderTest): void {
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
