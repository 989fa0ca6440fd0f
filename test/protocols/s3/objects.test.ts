import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectTaggingCommand,
  GetObjectAttributesCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadBucketCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  PutObjectTaggingCommand,
} from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bucketOf } from './bucket.ts'
import { errorOf, type S3World, startS3World, statusOf } from './world-s3.ts'

let s3: S3World
beforeAll(async () => {
  s3 = await startS3World()
  await s3.client.send(new CreateBucketCommand({ Bucket: 'box' }))
})
afterAll(() => s3[Symbol.asyncDispose]())

const md5 = (data: string | Buffer) => createHash('md5').update(data).digest('hex')
const { put, get, head, textOf, keys, remove } = bucketOf(() => s3)

describe('S3 buckets', () => {
  test('F1: a bucket is a top-level folder, whoever made it', async () => {
    await mkdir(join(s3.world.root, 'Made by SFTP'))
    const { Buckets, Owner } = await s3.client.send(new ListBucketsCommand({}))
    expect(Buckets?.map(({ Name }) => Name)).toEqual(expect.arrayContaining(['box', 'Made by SFTP']))
    expect(Owner?.DisplayName).toBe('main')
    expect((await s3.client.send(new HeadBucketCommand({ Bucket: 'box' }))).BucketRegion).toBe('local')
  })

  test('check 1: making a bucket again, or with a name that S3 does not know', async () => {
    const make = (Bucket: string) => errorOf(s3.client.send(new CreateBucketCommand({ Bucket })))
    expect(await make('box')).toBe('BucketAlreadyOwnedByYou')
    expect(await make('Upper')).toBe('InvalidBucketName')
    expect(await make('a..b')).toBe('InvalidBucketName')
    expect(await make('10.0.0.1')).toBe('InvalidBucketName')
  })

  test.each([
    ['foo-.bar', 400],
    ['foo.-bar', 400],
    ['foo-b.c--d', 200],
  ])('each label of a name is that of a host: making %s is answered %s', async (name, status) => {
    expect((await s3.wire.signed('PUT', `/${name}`)).status).toBe(status)
  })

  test('a bucket with something in it stays, an empty one goes', async () => {
    await s3.client.send(new CreateBucketCommand({ Bucket: 'full' }))
    await s3.client.send(new PutObjectCommand({ Bucket: 'full', Key: 'a/b', Body: 'x' }))
    const drop = () => errorOf(s3.client.send(new DeleteBucketCommand({ Bucket: 'full' })))
    expect(await drop()).toBe('BucketNotEmpty')
    await s3.client.send(new DeleteObjectCommand({ Bucket: 'full', Key: 'a/b' }))
    expect(await drop()).toBe('ok')
    expect(await drop()).toBe('NoSuchBucket')
  })

  test('every operation on a bucket that is not there says so', async () => {
    const Bucket = 'nowhere'
    const key = { Bucket, Key: 'a' }
    expect(await errorOf(s3.client.send(new GetObjectCommand(key)))).toBe('NoSuchBucket')
    expect(await errorOf(s3.client.send(new PutObjectCommand({ ...key, Body: 'x' })))).toBe('NoSuchBucket')
    expect(await errorOf(s3.client.send(new PutObjectCommand({ Bucket, Key: 'a/b', Body: 'x' })))).toBe(
      'NoSuchBucket',
    )
    expect(await errorOf(s3.client.send(new DeleteObjectCommand(key)))).toBe('NoSuchBucket')
    expect(await errorOf(s3.client.send(new ListObjectsV2Command({ Bucket })))).toBe('NoSuchBucket')
  })
})

describe('S3 objects', () => {
  test('what was put is read back, with its ETag, headers and metadata', async () => {
    const sent = await put('dir/hello.txt', 'hello', {
      ContentType: 'text/plain',
      CacheControl: 'no-cache',
      ContentEncoding: 'gzip',
      Metadata: { mtime: '1.5', 'x-y': 'a  b' },
    })
    expect(sent.ETag).toBe(`"${md5('hello')}"`)
    const got = await get('dir/hello.txt')
    expect(got.text).toBe('hello')
    expect(got).toMatchObject({
      ETag: sent.ETag,
      ContentType: 'text/plain',
      CacheControl: 'no-cache',
      ContentEncoding: 'gzip',
      ContentLength: 5,
      Metadata: { mtime: '1.5', 'x-y': 'a  b' },
    })
    expect(await readFile(join(s3.world.root, 'box/dir/hello.txt'), 'utf8')).toBe('hello')
  })

  test('zero bytes, and bytes of every value', async () => {
    await put('zero', '')
    expect(await textOf('zero')).toBe('')
    const data = randomBytes(3_000_000)
    await put('large', data)
    expect((await get('large')).bytes.equals(data)).toBe(true)
  })

  test('check 6: a stream of chunks with a trailing checksum', async () => {
    const data = randomBytes(300_001)
    const pieces = [data.subarray(0, 7), data.subarray(7, 200_000), data.subarray(200_000)]
    await put('streamed', Readable.from(pieces), { ContentLength: data.length, ContentEncoding: 'gzip' })
    const got = await get('streamed')
    expect(got.ContentEncoding).toBe('gzip')
    expect(got.ETag).toBe(`"${md5(data)}"`)
  })

  test.each(['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const)(
    'check 7: %s is verified and given back',
    async (algorithm) => {
      await put(`sum-${algorithm}`, 'some text', { ChecksumAlgorithm: algorithm })
      const field = `Checksum${algorithm}` as const
      const got = await head(`sum-${algorithm}`, { ChecksumMode: 'ENABLED' })
      expect(got[field]).toMatch(/^[A-Za-z0-9+/]+=*$/)
      expect(got.ChecksumType).toBe('FULL_OBJECT')
      expect((await head(`sum-${algorithm}`))[field]).toBeUndefined()
      expect(
        (await get(`sum-${algorithm}`, { ChecksumMode: 'ENABLED', Range: 'bytes=0-1' }))[field],
      ).toBeUndefined()
      expect(await textOf(`sum-${algorithm}`, { ChecksumMode: 'ENABLED' })).toBe('some text')
    },
  )

  test('check 5: a wrong checksum is BadDigest and the old object stays', async () => {
    await put('kept', 'old')
    expect(await errorOf(put('kept', 'new', { ChecksumCRC32: 'AAAAAA==' }))).toBe('BadDigest')
    expect(await errorOf(put('kept', 'new', { ContentMD5: Buffer.alloc(16).toString('base64') }))).toBe(
      'BadDigest',
    )
    expect(await errorOf(put('kept', 'new', { ContentMD5: 'nonsense' }))).toBe('InvalidDigest')
    expect(await errorOf(put('absent', 'new', { ChecksumCRC32: 'AAAAAA==' }))).toBe('BadDigest')
    expect(await textOf('kept')).toBe('old')
    expect(await errorOf(head('absent'))).toBe('NotFound')
  })

  test('check 37: ranges', async () => {
    await put('digits', '0123456789')
    for (const [Range, text, span] of [
      ['bytes=0-0', '0', 'bytes 0-0/10'],
      ['bytes=-5', '56789', 'bytes 5-9/10'],
      ['bytes=5-', '56789', 'bytes 5-9/10'],
      ['bytes=8-99', '89', 'bytes 8-9/10'],
    ] as const) {
      const got = await get('digits', { Range })
      expect([got.text, got.ContentRange], Range).toEqual([text, span])
    }
    expect(await errorOf(get('digits', { Range: 'bytes=10-' }))).toBe('InvalidRange')
    expect(await textOf('digits', { Range: 'bytes=0-1,4-5' })).toBe('0123456789')
  })

  test('conditional reads', async () => {
    const { ETag } = await put('conditional', 'one')
    const past = new Date(Date.now() - 3_600_000)
    const future = new Date(Date.now() + 3_600_000)
    expect(await errorOf(get('conditional', { IfMatch: ETag }))).toBe('ok')
    expect(await errorOf(get('conditional', { IfMatch: '"other"' }))).toBe('PreconditionFailed')
    expect(await statusOf(get('conditional', { IfNoneMatch: ETag }))).toBe(304)
    expect(await statusOf(get('conditional', { IfModifiedSince: future }))).toBe(304)
    expect(await errorOf(get('conditional', { IfUnmodifiedSince: past }))).toBe('PreconditionFailed')
  })

  test('check 12: of 20 writers with If-None-Match: * one wins', async () => {
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        errorOf(put('raced/key', `writer ${index}`, { IfNoneMatch: '*' })),
      ),
    )
    expect(results.filter((result) => result === 'ok')).toHaveLength(1)
    expect(results.filter((result) => result === 'PreconditionFailed')).toHaveLength(19)
  })

  test('If-Match on a write and a delete', async () => {
    const { ETag } = await put('matched', 'one')
    expect(await errorOf(put('matched', 'two', { IfMatch: '"other"' }))).toBe('PreconditionFailed')
    expect(await errorOf(put('matched', 'two', { IfMatch: ETag }))).toBe('ok')
    expect(await errorOf(put('never', 'two', { IfMatch: ETag }))).toBe('NoSuchKey')
    expect(await errorOf(remove('matched', { IfMatch: ETag }))).toBe('PreconditionFailed')
    expect(await textOf('matched')).toBe('two')
  })

  test('check 28: awkward and astral keys', async () => {
    for (const key of [
      "a b+ü&=?#%25'()*!~$",
      'emoji/\u{1f600}/\ue000',
      '%2e%2e/x',
      ' lead and trail ',
      'a\\b',
      '"q"<>',
    ]) {
      await put(key, key)
      expect(await textOf(key), key).toBe(key)
      expect(await keys({ Prefix: key }), key).toEqual([key])
      await s3.client.send(
        new CopyObjectCommand({
          Bucket: 'box',
          Key: `copy/${key}`,
          CopySource: encodeURIComponent(`box/${key}`),
        }),
      )
      expect(await textOf(`copy/${key}`), key).toBe(key)
      await remove(key)
      expect(await errorOf(head(key)), key).toBe('NotFound')
    }
  })

  test('check 31, 33: keys that no path can have', async () => {
    expect(await errorOf(put('a//b'))).toBe('InvalidArgument')
    expect(await errorOf(put('a\0b'))).toBe('InvalidArgument')
    expect(await errorOf(put('x'.repeat(256)))).toBe('KeyTooLongError')
    expect(await errorOf(get(`${'y'.repeat(200)}/`.repeat(6)))).toBe('KeyTooLongError')
  })

  test('check 32: an object beside objects below it, in both orders', async () => {
    await put('order1', 'x')
    expect(await errorOf(put('order1/b', 'x'))).toBe('ObjectParentIsFile')
    await put('order2/b/c', 'x')
    expect(await errorOf(put('order2', 'x'))).toBe('ExistingObjectIsDirectory')
    expect(await errorOf(put('order2/b', 'x'))).toBe('ExistingObjectIsDirectory')
    expect(await textOf('order2/b/c')).toBe('x')
  })

  test('HEAD of a prefix is 404, HEAD of its marker is not', async () => {
    await put('prefix/x', 'x')
    expect(await errorOf(head('prefix'))).toBe('NotFound')
    expect((await head('prefix/')).ContentLength).toBe(0)
    expect(await errorOf(head('prefix/x/'))).toBe('NotFound')
  })

  test('check 34: a file that another door replaced has a new ETag and no old metadata, the same everywhere', async () => {
    const { ETag } = await put('replaced', 'by s3', { Metadata: { old: 'yes' }, ContentType: 'text/old' })
    await writeFile(join(s3.world.root, 'box/replaced'), 'by another door')
    const seen = await head('replaced')
    expect(seen.Metadata).toEqual({})
    expect(seen.ETag).toMatch(/^"[0-9a-f]{32}-1"$/)
    expect(seen.ETag).not.toBe(ETag)
    const listed = await s3.client.send(new ListObjectsV2Command({ Bucket: 'box', Prefix: 'replaced' }))
    expect([listed.Contents?.[0]?.ETag, (await get('replaced')).ETag]).toEqual([seen.ETag, seen.ETag])
  })

  test('what S3 promises but this server does not keep is refused, not ignored', async () => {
    expect(await errorOf(put('secret', 'x', { ServerSideEncryption: 'AES256' }))).toBe('NotImplemented')
    expect(await errorOf(put('public', 'x', { ACL: 'public-read' }))).toBe('NotImplemented')
    expect(await errorOf(put('private', 'x', { ACL: 'private' }))).toBe('ok')
    expect(await errorOf(put('bulky', 'x', { Metadata: { a: 'b'.repeat(2_048) } }))).toBe('MetadataTooLarge')
  })

  test('attributes and tags', async () => {
    const { ETag } = await put('tagged', 'tagged', { Tagging: 'a=1&b=%C3%BC', ContentType: 'text/plain' })
    const tags = async () =>
      (await s3.client.send(new GetObjectTaggingCommand({ Bucket: 'box', Key: 'tagged' }))).TagSet
    expect(await tags()).toEqual([
      { Key: 'a', Value: '1' },
      { Key: 'b', Value: 'ü' },
    ])
    const TagSet = [{ Key: 'c', Value: '3' }]
    await s3.client.send(new PutObjectTaggingCommand({ Bucket: 'box', Key: 'tagged', Tagging: { TagSet } }))
    expect(await tags()).toEqual(TagSet)
    await s3.client.send(new DeleteObjectTaggingCommand({ Bucket: 'box', Key: 'tagged' }))
    expect(await tags()).toEqual([])
    expect(await head('tagged')).toMatchObject({ ETag, ContentType: 'text/plain' })
    const attributes = await s3.client.send(
      new GetObjectAttributesCommand({
        Bucket: 'box',
        Key: 'tagged',
        ObjectAttributes: ['ETag', 'ObjectSize'],
      }),
    )
    expect(attributes).toMatchObject({ ETag: md5('tagged'), ObjectSize: 6 })
  })
})
