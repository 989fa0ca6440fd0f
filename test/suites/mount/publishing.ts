import { expect, test } from 'vitest'
import type { Mount } from '#files/mount.ts'
import { fingerprintOf } from '#files/version.ts'
import { at, get, never, put, staged } from './support.ts'

/** Staged bytes and how they become a file. */
export function publishing(mount: () => Mount): void {
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
