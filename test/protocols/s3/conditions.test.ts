import { request } from 'node:http'
import {
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectsCommand,
  type ObjectIdentifier,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bucketOf } from './bucket.ts'
import { codeOf } from './wire.ts'
import { errorOf, type S3World, startS3World } from './world-s3.ts'

let s3: S3World
beforeAll(async () => {
  s3 = await startS3World()
  await s3.client.send(new CreateBucketCommand({ Bucket: 'box' }))
})
afterAll(() => s3[Symbol.asyncDispose]())

const { put, head, textOf, remove, copy } = bucketOf(() => s3)
const OTHER = '"0123456789abcdef0123456789abcdef"'

async function multipart(Key: string, Body: string, conditions: object): Promise<string> {
  const target = { Bucket: 'box', Key }
  const { UploadId } = await s3.client.send(new CreateMultipartUploadCommand(target))
  const upload = { ...target, UploadId }
  const { ETag } = await s3.client.send(new UploadPartCommand({ ...upload, PartNumber: 1, Body }))
  const MultipartUpload = { Parts: [{ PartNumber: 1, ETag }] }
  return errorOf(
    s3.client.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload, ...conditions })),
  )
}

const WRITES = [
  ['PUT', (key: string, body: string, conditions: object) => errorOf(put(key, body, conditions))],
  ['Complete', multipart],
] as const

/** A PUT whose conditions were looked at before `meanwhile` ran, and whose body came after it. */
async function putAround(key: string, headers: Record<string, string>, meanwhile: () => Promise<unknown>) {
  const signed = await s3.wire.sign('PUT', `/box/${key}`, headers)
  const options = { port: s3.port, host: '127.0.0.1', method: 'PUT', path: `/box/${key}`, agent: false }
  return new Promise<{ status: number; text: string }>((resolve, reject) => {
    const sent = request({ ...options, headers: { ...signed, expect: '100-continue', 'content-length': 4 } })
    sent.on('continue', () => meanwhile().then(() => sent.end('mine'), reject))
    sent.on('error', reject)
    sent.on('response', async (response) => {
      const chunks: Buffer[] = []
      for await (const chunk of response) chunks.push(chunk)
      resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() })
    })
    sent.flushHeaders()
  })
}

describe('S3 conditions of a write', () => {
  test.each(WRITES)('%s: If-None-Match with an ETag goes by the ETag that is there', async (name, write) => {
    const key = `none-${name}`
    expect(await write(key, 'one', { IfNoneMatch: OTHER })).toBe('ok')
    const { ETag } = await head(key)
    expect(await write(key, 'two', { IfNoneMatch: ETag })).toBe('PreconditionFailed')
    expect(await textOf(key)).toBe('one')
    expect(await write(key, 'three', { IfNoneMatch: OTHER })).toBe('ok')
    expect(await textOf(key)).toBe('three')
  })

  test.each(WRITES)('%s: If-Match: * wants an object, whichever', async (name, write) => {
    const key = `any-${name}`
    expect(await write(key, 'x', { IfMatch: '*' })).toBe('NoSuchKey')
    await put(key, 'one')
    expect(await write(key, 'two', { IfMatch: '*' })).toBe('ok')
    expect(await textOf(key)).toBe('two')
  })

  test('a copy keeps to If-None-Match with an ETag, too', async () => {
    await put('source', 'copied')
    const { ETag } = await put('target', 'old')
    expect(await errorOf(copy('source', 'target', { IfNoneMatch: ETag }))).toBe('PreconditionFailed')
    expect(await errorOf(copy('source', 'target', { IfNoneMatch: OTHER }))).toBe('ok')
    expect(await textOf('target')).toBe('copied')
  })

  test('If-Match and If-None-Match together are not taken', async () => {
    expect(await errorOf(put('both', 'x', { IfMatch: '*', IfNoneMatch: OTHER }))).toBe('NotImplemented')
  })

  test.each([
    ['If-None-Match: <etag>', { 'if-none-match': OTHER }, 409, 'ConditionalRequestConflict'],
    ['If-Match: *', { 'if-match': '*' }, 409, 'ConditionalRequestConflict'],
    ['If-None-Match: *', { 'if-none-match': '*' }, 412, 'PreconditionFailed'],
  ])('%s is looked at again when the bytes are there', async (_name, headers, status, code) => {
    const key = `race-${status}-${Object.keys(headers)[0]}`
    if ('if-match' in headers) await put(key, 'first')
    const answer = await putAround(key, headers, () => put(key, 'theirs'))
    expect([answer.status, /<Code>(.*?)</.exec(answer.text)?.[1]]).toEqual([status, code])
    expect(await textOf(key)).toBe('theirs')
  })

  test('If-Match with an ETag that is not there any more when the bytes are: 412', async () => {
    const { ETag = '' } = await put('race-etag', 'first')
    const answer = await putAround('race-etag', { 'if-match': ETag }, () => put('race-etag', 'theirs'))
    expect(answer.status).toBe(412)
    expect(await textOf('race-etag')).toBe('theirs')
  })

  test('of writers at once that want an ETag not to be there each leaves its object whole or says why not', async () => {
    const bodies = Array.from({ length: 8 }, (_, index) => `writer ${index}`)
    const results = await Promise.all(
      bodies.map((body) => errorOf(put('crowd', body, { IfNoneMatch: OTHER }))),
    )
    expect(results).toContain('ok')
    expect(results.filter((one) => one !== 'ok' && one !== 'ConditionalRequestConflict')).toEqual([])
    expect(bodies).toContain(await textOf('crowd'))
  })
})

describe('S3 conditions of a delete', () => {
  test('If-Match takes an ETag or *; without an object there is none to match', async () => {
    await put('match', 'x')
    expect(await errorOf(remove('match', { IfMatch: OTHER }))).toBe('PreconditionFailed')
    expect(await errorOf(remove('match', { IfMatch: '*' }))).toBe('ok')
    expect(await errorOf(remove('match', { IfMatch: '*' }))).toBe('NoSuchKey')
    expect(await errorOf(remove('match', { IfMatch: OTHER }))).toBe('NoSuchKey')
  })

  test('a size that is not the object’s keeps it', async () => {
    await put('size', '12345')
    expect(await errorOf(remove('size', { IfMatchSize: 4 }))).toBe('PreconditionFailed')
    expect(await textOf('size')).toBe('12345')
    expect(await errorOf(remove('size', { IfMatchSize: 5 }))).toBe('ok')
    expect(await errorOf(remove('size', { IfMatchSize: 4 }))).toBe('ok')
  })

  test('a time that is not the object’s keeps it', async () => {
    await put('time', 'x')
    const { LastModified } = await head('time')
    const IfMatchLastModifiedTime = new Date(2015, 0, 1)
    expect(await errorOf(remove('time', { IfMatchLastModifiedTime }))).toBe('PreconditionFailed')
    expect(await textOf('time')).toBe('x')
    expect(await errorOf(remove('time', { IfMatchLastModifiedTime: LastModified }))).toBe('ok')
    expect(await errorOf(remove('time', { IfMatchLastModifiedTime }))).toBe('ok')
  })

  test('all conditions of one delete must hold', async () => {
    const { ETag } = await put('all', 'x')
    expect(await errorOf(remove('all', { IfMatch: ETag, IfMatchSize: 2 }))).toBe('PreconditionFailed')
    expect(await errorOf(remove('all', { IfMatch: '*', IfMatchSize: 2 }))).toBe('PreconditionFailed')
    expect(await errorOf(remove('all', { IfMatch: ETag, IfMatchSize: 1 }))).toBe('ok')
  })

  test.each([
    ['x-amz-if-match-size', 'much'],
    ['x-amz-if-match-last-modified-time', 'yesterday'],
  ])('%s: %s is refused, and nothing deleted', async (name, value) => {
    await put('odd', 'x')
    const answer = await s3.wire.signed('DELETE', '/box/odd', { [name]: value })
    expect([answer.status, codeOf(answer)]).toEqual([400, 'InvalidArgument'])
    expect(await textOf('odd')).toBe('x')
  })

  test('DeleteObjects takes them for each key by itself', async () => {
    const { ETag } = await put('many/a', '123')
    for (const key of ['many/b', 'many/c', 'many/d', 'many/e']) await put(key, '123')
    const time = (await head('many/e')).LastModified
    const Objects: ObjectIdentifier[] = [
      { Key: 'many/a', ETag },
      { Key: 'many/b', ETag: OTHER },
      { Key: 'many/c', Size: 3 },
      { Key: 'many/d', Size: 4 },
      { Key: 'many/e', LastModifiedTime: time, Size: 3 },
      { Key: 'many/none', ETag: '*' },
    ]
    const done = await s3.client.send(new DeleteObjectsCommand({ Bucket: 'box', Delete: { Objects } }))
    expect(done.Deleted?.map(({ Key }) => Key)).toEqual(['many/a', 'many/c', 'many/e'])
    expect(done.Errors?.map(({ Key, Code }) => [Key, Code])).toEqual([
      ['many/b', 'PreconditionFailed'],
      ['many/d', 'PreconditionFailed'],
      ['many/none', 'NoSuchKey'],
    ])
    expect(await textOf('many/d')).toBe('123')
  })
})
