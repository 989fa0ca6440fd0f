import { expect, test } from 'vitest'
import type { Mount } from '#files/mount.ts'
import { ROOT } from '#permissions/path.ts'
import { at, put } from './support.ts'

/** Order and paging. */
export function listing(mount: () => Mount): void {
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
