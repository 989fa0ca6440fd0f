import { createHash } from 'node:crypto'
import { Agent } from 'node:http'
import type { LookupFunction } from 'node:net'
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bucketOf } from './bucket.ts'
import { crc32Of } from './chunks.ts'
import { codeOf } from './wire.ts'
import { type S3World, startS3World } from './world-s3.ts'

let s3: S3World
beforeAll(async () => {
  s3 = await startS3World()
  await s3.client.send(new CreateBucketCommand({ Bucket: 'box' }))
})
afterAll(() => s3[Symbol.asyncDispose]())

const { put, keys, textOf } = bucketOf(() => s3)

/** Each name is this machine, as a wildcard entry of a name server would say. */
const lookup: LookupFunction = (_name, options, done) => {
  if (options.all) done(null, [{ address: '127.0.0.1', family: 4 }])
  else done(null, '127.0.0.1', 4)
}

describe('S3 checks', () => {
  test('check 39: the JavaScript SDK by host name and by path style', async () => {
    const port = new URL(s3.url).port
    const requestHandler = { httpAgent: new Agent({ lookup }) }
    const at = (forcePathStyle: boolean) =>
      s3.clientOf(s3.key, { endpoint: `http://localhost:${port}`, forcePathStyle, requestHandler })
    const everyday = async (client: S3Client) => {
      const object = { Bucket: 'box', Key: 'style/ü +.txt' }
      const { ETag } = await client.send(new PutObjectCommand({ ...object, Body: 'style' }))
      const { Body } = await client.send(new GetObjectCommand(object))
      const listed = await client.send(new ListObjectsV2Command({ Bucket: 'box', Prefix: 'style/' }))
      await client.send(new DeleteObjectCommand(object))
      return [ETag, await Body?.transformToString(), listed.Contents?.map(({ Key }) => Key)]
    }
    const hosted = await everyday(at(false))
    expect(hosted).toEqual(await everyday(at(true)))
    expect(hosted[2]).toEqual(['style/ü +.txt'])
  })

  test('check 13: DeleteObjects with a CRC32 alone, with an MD5 alone, with wrong ones', async () => {
    const xml = '<Delete><Object><Key>d</Key><VersionId>null</VersionId></Object></Delete>'
    const md5 = createHash('md5').update(xml).digest('base64')
    const remove = async (headers: Record<string, string>) => {
      await put('d')
      const answer = await s3.wire.signed('POST', '/box?delete', headers, xml)
      return [answer.status, codeOf(answer), (await keys({ Prefix: 'd' })).length]
    }
    expect(await remove({ 'x-amz-checksum-crc32': crc32Of(Buffer.from(xml)) })).toEqual([200, undefined, 0])
    expect(await remove({ 'content-md5': md5 })).toEqual([200, undefined, 0])
    expect(await remove({ 'x-amz-checksum-crc32': 'AAAAAA==' })).toEqual([400, 'BadDigest', 1])
    expect(await remove({ 'content-md5': 'AAAAAAAAAAAAAAAAAAAAAA==' })).toEqual([400, 'BadDigest', 1])
  })

  test.each([
    ['/box/..', 400],
    ['/box/.', 400],
    ['/box/a//b', 400],
    ['/box//a', 400],
    ['/box/%00', 400],
    ['/box/%ff', 400],
    ['/box/a/../b', 400],
  ])('check 31: PUT %s', async (path, status) => {
    const answer = await s3.wire.signed('PUT', path, {}, 'x')
    expect(answer.status).toBe(status)
    expect(['InvalidArgument', 'InvalidURI']).toContain(codeOf(answer))
  })

  test('check 16: a presigned GET with an x-amz-acl that was not signed', async () => {
    await put('presigned', 'text')
    const url = await s3.wire.presign('GET', '/box/presigned')
    expect((await s3.wire.send('GET', url)).text).toBe('text')
    const answer = await s3.wire.send('GET', url, { 'x-amz-acl': 'private' })
    expect([answer.status, codeOf(answer)]).toEqual([403, 'AccessDenied'])
  })

  test('check 15: presigned: flipped, expired by the clock of the door, for another method or key', async () => {
    const url = await s3.wire.presign('GET', '/box/presigned', { expiresIn: 60 })
    const flipped = url.replace(
      /X-Amz-Signature=(.)/,
      (_, digit) => `X-Amz-Signature=${digit === '0' ? '1' : '0'}`,
    )
    expect(codeOf(await s3.wire.send('GET', flipped))).toBe('SignatureDoesNotMatch')
    expect(codeOf(await s3.wire.send('PUT', url, {}, 'x'))).toBe('SignatureDoesNotMatch')
    expect(codeOf(await s3.wire.send('GET', url.replace('/presigned?', '/other?')))).toBe(
      'SignatureDoesNotMatch',
    )
    s3.world.clock.advance(61_000)
    const late = await s3.wire.send('GET', url)
    expect([late.status, codeOf(late)]).toEqual([403, 'AccessDenied'])
    s3.world.clock.advance(-61_000)
    expect(await textOf('presigned')).toBe('text')
  })

  test('versions: each object has the one version null, in pages too', async () => {
    for (const key of ['v/1', 'v/2', 'v/3']) await put(key)
    const page = await s3.client.send(
      new ListObjectVersionsCommand({ Bucket: 'box', Prefix: 'v/', MaxKeys: 2 }),
    )
    expect(page.Versions?.map(({ Key, VersionId, IsLatest }) => [Key, VersionId, IsLatest])).toEqual([
      ['v/1', 'null', true],
      ['v/2', 'null', true],
    ])
    expect([page.IsTruncated, page.NextKeyMarker, page.NextVersionIdMarker]).toEqual([true, 'v/2', 'null'])
  })
})
