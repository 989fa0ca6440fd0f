import { CreateBucketCommand, GetObjectTaggingCommand } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bucketOf } from './bucket.ts'
import { type S3World, startS3World } from './world-s3.ts'

let s3: S3World
beforeAll(async () => {
  s3 = await startS3World()
  await s3.client.send(new CreateBucketCommand({ Bucket: 'box' }))
})
afterAll(() => s3[Symbol.asyncDispose]())

const { put, head } = bucketOf(() => s3)

describe('S3 object metadata', () => {
  test('Content-Encoding is kept as it was written, without how the bytes came', async () => {
    await put('encoded', 'x', { ContentEncoding: 'deflate, gzip' })
    expect((await head('encoded')).ContentEncoding).toBe('deflate, gzip')
    const kept = async (encoding: string) => {
      const path = '/box/encoded-by-hand'
      await s3.wire.signed('PUT', path, { 'content-encoding': encoding }, 'x')
      return (await s3.wire.signed('HEAD', path)).headers['content-encoding']
    }
    expect(await kept('aws-chunked, deflate, gzip')).toBe('deflate, gzip')
    expect(await kept('gzip,aws-chunked')).toBe('gzip')
    expect(await kept('AWS-chunked')).toBeUndefined()
  })

  test('tags come in the order of their keys', async () => {
    await put('ordered', 'x', { Tagging: 'b=1&10=2&a&9=3' })
    const { TagSet } = await s3.client.send(new GetObjectTaggingCommand({ Bucket: 'box', Key: 'ordered' }))
    expect(TagSet?.map(({ Key, Value }) => `${Key}=${Value}`)).toEqual(['10=2', '9=3', 'a=', 'b=1'])
  })

  test('bytes of metadata beyond ASCII come back as they were sent', async () => {
    const words = 'Grüße \u{1f600}'
    const value = Buffer.from(words).toString('latin1')
    const signed = await s3.wire.sign('PUT', '/box/words', { 'x-amz-meta-words': words })
    const headers = { ...signed, 'x-amz-meta-words': value }
    expect((await s3.wire.send('PUT', '/box/words', headers, Buffer.from('x'))).status).toBe(200)
    expect((await s3.wire.signed('HEAD', '/box/words')).headers['x-amz-meta-words']).toBe(value)
  })
})
