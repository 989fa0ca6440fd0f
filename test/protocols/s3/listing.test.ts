import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import {
  DeleteObjectCommand,
  ListObjectsCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandInput,
  ListObjectVersionsCommand,
} from '@aws-sdk/client-s3'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { errorOf, type S3World, startS3World } from './world-s3.ts'

// Check 29: each of these sorts otherwise in JavaScript, by folder, or by locale.
const KEYS = [
  'a',
  'a-b',
  'a.b/x',
  'a0',
  'dir/1',
  'dir/2/deep/er',
  'dir/2/x',
  'dir0',
  'dir-x/1',
  'e%20/f',
  'empty/',
  'foo-x',
  'foo/y',
  'foo0',
  'Z',
  'sp ace/k+1',
  'ü',
  '\ue000',
  '\u{1f600}/k',
  '\u{1f600}0',
]
const SORTED = KEYS.toSorted((x, y) => Buffer.compare(Buffer.from(x), Buffer.from(y)))

let s3: S3World
beforeAll(async () => {
  s3 = await startS3World()
  for (const key of KEYS) {
    const file = join(s3.world.root, 'list', key)
    await mkdir(key.endsWith('/') ? file : dirname(file), { recursive: true })
    if (!key.endsWith('/')) await writeFile(file, key)
  }
})
afterAll(() => s3[Symbol.asyncDispose]())

/** What S3 answers, worked out over the sorted list of keys. */
function expected(prefix: string, delimiter: string, after = ''): string[] {
  const out: string[] = []
  for (const key of SORTED) {
    if (!key.startsWith(prefix) || Buffer.compare(Buffer.from(key), Buffer.from(after)) <= 0) continue
    const at = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length)
    const shown = at < 0 ? key : key.slice(0, at + delimiter.length)
    if (out.at(-1) !== shown && !out.includes(shown)) out.push(shown)
  }
  return out
}

type Page = { names: string[]; next: string | undefined; count: number | undefined }

async function page2(input: Omit<ListObjectsV2CommandInput, 'Bucket'>): Promise<Page> {
  const got = await s3.client.send(new ListObjectsV2Command({ Bucket: 'list', ...input }))
  const names = [
    ...(got.Contents ?? []).map(({ Key = '' }) => Key),
    ...(got.CommonPrefixes ?? []).map(({ Prefix = '' }) => Prefix),
  ]
  return { names, next: got.IsTruncated ? got.NextContinuationToken : undefined, count: got.KeyCount }
}

async function all2(input: Omit<ListObjectsV2CommandInput, 'Bucket'>): Promise<string[]> {
  const names: string[] = []
  let token: string | undefined
  do {
    const { StartAfter, ...rest } = input
    const page = await page2(
      token === undefined ? { ...rest, StartAfter } : { ...rest, ContinuationToken: token },
    )
    expect(page.names.length).toBeLessThanOrEqual(input.MaxKeys ?? 1_000)
    expect(page.count).toBe(page.names.length)
    names.push(...page.names)
    token = page.next
  } while (token !== undefined)
  return names
}

async function all1(Prefix: string, Delimiter: string, MaxKeys: number): Promise<string[]> {
  const names: string[] = []
  let Marker: string | undefined
  do {
    const got = await s3.client.send(
      new ListObjectsCommand({ Bucket: 'list', Prefix, Delimiter, MaxKeys, Marker }),
    )
    names.push(
      ...(got.Contents ?? []).map(({ Key = '' }) => Key),
      ...(got.CommonPrefixes ?? []).map((one) => one.Prefix ?? ''),
    )
    Marker = got.IsTruncated ? got.NextMarker : undefined
  } while (Marker !== undefined)
  return names
}

const sorted = (names: readonly string[]) =>
  names.toSorted((x, y) => Buffer.compare(Buffer.from(x), Buffer.from(y)))

describe('S3 listing', () => {
  test('check 29: all keys in the order of their UTF-8 bytes', async () => {
    expect(await all2({})).toEqual(SORTED)
  })

  test('check 29: page sizes 1 to 5 give the same union, in version 1 and 2', async () => {
    for (const MaxKeys of [1, 2, 3, 4, 5]) {
      expect(await all2({ MaxKeys }), `V2 ${MaxKeys}`).toEqual(SORTED)
      expect(await all1('', '', MaxKeys), `V1 ${MaxKeys}`).toEqual(SORTED)
      expect(sorted(await all1('', '/', MaxKeys)), `V1 / ${MaxKeys}`).toEqual(sorted(expected('', '/')))
    }
  })

  test('for any prefix, delimiter, place and page size the answer is that of the definition', async () => {
    const piece = fc.constantFrom(
      '',
      'a',
      'd',
      'dir',
      'dir/',
      'dir/2',
      'dir/2/',
      'foo',
      'foo/',
      'e',
      '\u{1f600}',
      'nothing/',
      '/',
      '.',
      'sp ',
    )
    const cases = fc.record({
      prefix: piece,
      delimiter: fc.constantFrom('', '/', 'a', '%', 'r/', '2/d'),
      after: fc.oneof(fc.constantFrom('', ...KEYS), piece),
      maxKeys: fc.integer({ min: 1, max: 7 }),
    })
    await fc.assert(
      fc.asyncProperty(cases, async ({ prefix, delimiter, after, maxKeys }) => {
        const names = await all2({
          Prefix: prefix,
          Delimiter: delimiter,
          StartAfter: after,
          MaxKeys: maxKeys,
        })
        expect(sorted(names)).toEqual(sorted(expected(prefix, delimiter, after)))
      }),
      { numRuns: 150 },
    )
  })

  test('check 30: start-after inside a common prefix still shows it, a version 1 marker of it does not', async () => {
    expect((await page2({ Delimiter: '/', StartAfter: 'dir/1', MaxKeys: 1 })).names).toEqual(['dir/'])
    expect((await page2({ Delimiter: '/', StartAfter: 'dir/2/x', MaxKeys: 1 })).names).not.toEqual(['dir/'])
    const got = await s3.client.send(
      new ListObjectsCommand({ Bucket: 'list', Delimiter: '/', Marker: 'dir/', MaxKeys: 1 }),
    )
    expect(got.Contents?.map(({ Key }) => Key)).toEqual(['dir0'])
  })

  test('max-keys 0 is an empty page that is not truncated; more than 1,000 is 1,000; nonsense is refused', async () => {
    expect(await page2({ MaxKeys: 0 })).toEqual({ names: [], next: undefined, count: 0 })
    expect((await s3.client.send(new ListObjectsV2Command({ Bucket: 'list', MaxKeys: 5_000 }))).MaxKeys).toBe(
      1_000,
    )
    expect(await errorOf(page2({ MaxKeys: -1 }))).toBe('InvalidArgument')
    expect(await errorOf(page2({ ContinuationToken: '!' }))).toBe('InvalidArgument')
  })

  test('encoding-type=url encodes what stands in the answer', async () => {
    const got = await s3.client.send(
      new ListObjectsV2Command({ Bucket: 'list', Prefix: 'sp ace', EncodingType: 'url' }),
    )
    expect(got.Prefix).toBe('sp%20ace')
    expect(got.Contents?.map(({ Key }) => Key)).toEqual(['sp%20ace/k%2B1'])
  })

  test('a file has size, time and ETag; the owner comes when asked for', async () => {
    const [plain] =
      (await s3.client.send(new ListObjectsV2Command({ Bucket: 'list', Prefix: 'a0' }))).Contents ?? []
    expect(plain).toMatchObject({ Key: 'a0', Size: 2, StorageClass: 'STANDARD' })
    expect(plain?.ETag).toMatch(/^"[0-9a-f]{32}-1"$/)
    expect(plain?.Owner).toBeUndefined()
    const owned = await s3.client.send(
      new ListObjectsV2Command({ Bucket: 'list', Prefix: 'a0', FetchOwner: true }),
    )
    expect(owned.Contents?.[0]?.Owner?.DisplayName).toBe('main')
  })

  test('each object has the one version `null`, which can be named', async () => {
    const got = await s3.client.send(new ListObjectVersionsCommand({ Bucket: 'list', Prefix: 'dir/' }))
    expect(got.Versions?.map(({ Key, VersionId, IsLatest }) => [Key, VersionId, IsLatest])).toEqual(
      expected('dir/', '').map((key) => [key, 'null', true]),
    )
    const remove = (VersionId: string) =>
      s3.client.send(new DeleteObjectCommand({ Bucket: 'list', Key: 'none', VersionId }))
    expect(await errorOf(remove('null'))).toBe('ok')
    expect(await errorOf(remove('abc'))).toBe('NoSuchVersion')
  })
})
