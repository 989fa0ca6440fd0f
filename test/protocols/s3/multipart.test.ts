import { createHash, randomBytes } from 'node:crypto'
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  type CreateMultipartUploadCommandInput,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutObjectCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { errorOf, type S3World, startS3World } from './world-s3.ts'

const MIB = 1024 * 1024
const parts = [randomBytes(5 * MIB), randomBytes(5 * MIB), randomBytes(77)] as const
const whole = Buffer.concat(parts)

let s3: S3World
beforeAll(async () => {
  s3 = await startS3World()
  await s3.client.send(new CreateBucketCommand({ Bucket: 'box' }))
})
afterAll(() => s3[Symbol.asyncDispose]())

async function begin(Key: string, more: Partial<CreateMultipartUploadCommandInput> = {}): Promise<string> {
  const { UploadId = '' } = await s3.client.send(
    new CreateMultipartUploadCommand({ Bucket: 'box', Key, ...more }),
  )
  return UploadId
}
const upload = (Key: string, UploadId: string, PartNumber: number, Body: Buffer, more: object = {}) =>
  s3.client.send(new UploadPartCommand({ Bucket: 'box', Key, UploadId, PartNumber, Body, ...more }))
const complete = (Key: string, UploadId: string, Parts: object[], more: object = {}) =>
  s3.client.send(
    new CompleteMultipartUploadCommand({ Bucket: 'box', Key, UploadId, MultipartUpload: { Parts }, ...more }),
  )
const bytesOf = async (Key: string, more: object = {}) => {
  const { Body, ...rest } = await s3.client.send(new GetObjectCommand({ Bucket: 'box', Key, ...more }))
  return { ...rest, bytes: Buffer.from((await Body?.transformToByteArray()) ?? []) }
}

async function uploadAll(Key: string, UploadId: string, more: object = {}) {
  const done = []
  for (const [index, part] of parts.entries()) {
    const { ETag, ...sums } = await upload(Key, UploadId, index + 1, part, more)
    done.push({ PartNumber: index + 1, ETag, ChecksumCRC32: sums.ChecksumCRC32 })
  }
  return done
}

describe('S3 multipart uploads', () => {
  test('check 8: joins parts, keeps metadata, ETag and composite checksum', async () => {
    const id = await begin('a/b/joined', {
      Metadata: { a: '1' },
      ContentType: 'text/x',
      ChecksumAlgorithm: 'CRC32',
    })
    const done = await uploadAll('a/b/joined', id, { ChecksumAlgorithm: 'CRC32' })
    const result = await complete('a/b/joined', id, done)
    const md5s = parts.map((part) => createHash('md5').update(part).digest())
    const etag = `"${createHash('md5').update(Buffer.concat(md5s)).digest('hex')}-3"`
    expect(result.ETag).toBe(etag)
    expect(result.ChecksumCRC32).toMatch(/-3$/)
    const got = await bytesOf('a/b/joined')
    expect(got.bytes.equals(whole)).toBe(true)
    expect(got).toMatchObject({ ETag: etag, Metadata: { a: '1' }, ContentType: 'text/x' })
  })

  test('a retried Complete answers the same; other parts or an unknown upload do not', async () => {
    const id = await begin('retried')
    const done = await uploadAll('retried', id)
    const first = await complete('retried', id, done)
    expect((await complete('retried', id, done)).ETag).toBe(first.ETag)
    expect(await errorOf(complete('retried', id, done.slice(1)))).toBe('NoSuchUpload')
    expect(await errorOf(complete('retried', 'nothing', done.slice(0, 1)))).toBe('NoSuchUpload')
  })

  test('the checksum of parts is given although their echo is not demanded; FULL_OBJECT is that of the bytes', async () => {
    const id = await begin('full', { ChecksumAlgorithm: 'CRC64NVME' })
    const done = await uploadAll('full', id, { ChecksumAlgorithm: 'CRC64NVME' })
    const result = await complete(
      'full',
      id,
      done.map(({ PartNumber, ETag }) => ({ PartNumber, ETag })),
    )
    await s3.client.send(
      new PutObjectCommand({ Bucket: 'box', Key: 'once', Body: whole, ChecksumAlgorithm: 'CRC64NVME' }),
    )
    const once = await s3.client.send(
      new HeadObjectCommand({ Bucket: 'box', Key: 'once', ChecksumMode: 'ENABLED' }),
    )
    expect(result.ChecksumCRC64NVME).toBe(once.ChecksumCRC64NVME)
    expect(once.ChecksumCRC64NVME).toMatch(/=$/)
  })

  test('what is wrong with a Complete', async () => {
    const id = await begin('wrong')
    const [one, two, three] = await uploadAll('wrong', id)
    const run = (list: object[]) => errorOf(complete('wrong', id, list))
    if (!one || !two || !three) throw new Error('three parts')
    expect(await run([two, one])).toBe('InvalidPartOrder')
    expect(await run([one, { ...two, ETag: one.ETag }])).toBe('InvalidPart')
    expect(await run([one, { PartNumber: 9, ETag: one.ETag }])).toBe('InvalidPart')
    expect(await run([one, { ...two, ChecksumCRC32: 'AAAAAA==' }])).toBe('InvalidPart')
    await upload('wrong', id, 4, parts[2])
    expect(await run([three, { PartNumber: 4, ETag: three.ETag }])).toBe('EntityTooSmall')
    expect(await run([one, two, three])).toBe('ok')
  })

  test('a part is replaced by a later one of its number; a broken one is not kept', async () => {
    const id = await begin('part')
    await upload('part', id, 1, Buffer.from('first'))
    const { ETag } = await upload('part', id, 1, Buffer.from('second'))
    expect(await errorOf(upload('part', id, 1, Buffer.from('third'), { ChecksumCRC32: 'AAAAAA==' }))).toBe(
      'BadDigest',
    )
    await complete('part', id, [{ PartNumber: 1, ETag }])
    expect((await bytesOf('part')).bytes.toString()).toBe('second')
  })

  test('nothing is visible before Complete, and nothing is left after Abort', async () => {
    const id = await begin('up/hidden')
    await upload('up/hidden', id, 1, Buffer.from('x'))
    const listed = await s3.client.send(new ListObjectsV2Command({ Bucket: 'box', Prefix: 'up' }))
    expect(listed.KeyCount).toBe(0)
    await s3.client.send(new AbortMultipartUploadCommand({ Bucket: 'box', Key: 'up/hidden', UploadId: id }))
    expect(await errorOf(upload('up/hidden', id, 2, Buffer.from('x')))).toBe('NoSuchUpload')
    expect(await errorOf(complete('up/hidden', id, [{ PartNumber: 1, ETag: 'x' }]))).toBe('NoSuchUpload')
  })

  test('lists parts in pages, and uploads with markers, prefix and delimiter', async () => {
    const ids = new Map<string, string>()
    for (const key of ['list/a', 'list/b/1', 'list/b/2', 'other']) ids.set(key, await begin(key))
    const id = ids.get('list/a') ?? ''
    for (const number of [3, 1, 2]) await upload('list/a', id, number, Buffer.from(String(number)))
    const page = { Bucket: 'box', Key: 'list/a', UploadId: id, MaxParts: 2 }
    const first = await s3.client.send(new ListPartsCommand(page))
    expect(first).toMatchObject({ IsTruncated: true, NextPartNumberMarker: '2' })
    expect(first.Parts?.map(({ PartNumber, Size }) => [PartNumber, Size])).toEqual([
      [1, 1],
      [2, 1],
    ])
    const rest = await s3.client.send(new ListPartsCommand({ ...page, PartNumberMarker: '2' }))
    expect([rest.IsTruncated, rest.Parts?.map(({ PartNumber }) => PartNumber)]).toEqual([false, [3]])
    const list = (more: object) => s3.client.send(new ListMultipartUploadsCommand({ Bucket: 'box', ...more }))
    const grouped = await list({ Prefix: 'list/', Delimiter: '/' })
    expect(grouped.Uploads?.map(({ Key }) => Key)).toEqual(['list/a'])
    expect(grouped.CommonPrefixes).toEqual([{ Prefix: 'list/b/' }])
    const one = await list({ Prefix: 'list/', MaxUploads: 1 })
    expect(one).toMatchObject({ IsTruncated: true, NextKeyMarker: 'list/a', NextUploadIdMarker: id })
    const after = await list({ Prefix: 'list/', KeyMarker: 'list/a', UploadIdMarker: id })
    expect(after.Uploads?.map(({ Key }) => Key)).toEqual(['list/b/1', 'list/b/2'])
  })

  test('check 11: parts copied from ranges of another object', async () => {
    await s3.client.send(new PutObjectCommand({ Bucket: 'box', Key: 'src', Body: whole }))
    const id = await begin('copied')
    const copy = (PartNumber: number, CopySourceRange: string, more: object = {}) =>
      s3.client.send(
        new UploadPartCopyCommand({
          Bucket: 'box',
          Key: 'copied',
          UploadId: id,
          PartNumber,
          CopySource: 'box/src',
          CopySourceRange,
          ...more,
        }),
      )
    const first = await copy(1, `bytes=0-${5 * MIB - 1}`)
    const second = await copy(2, `bytes=${5 * MIB}-${whole.length - 1}`)
    expect(await errorOf(copy(3, `bytes=0-${whole.length}`))).toBe('InvalidRange')
    expect(await errorOf(copy(3, 'bytes=0-1', { CopySourceIfMatch: '"no"' }))).toBe('PreconditionFailed')
    await complete('copied', id, [
      { PartNumber: 1, ETag: first.CopyPartResult?.ETag },
      { PartNumber: 2, ETag: second.CopyPartResult?.ETag },
    ])
    expect((await bytesOf('copied')).bytes.equals(whole)).toBe(true)
    const part = await bytesOf('copied', { PartNumber: 2 })
    expect(part).toMatchObject({
      PartsCount: 2,
      ContentRange: `bytes ${5 * MIB}-${whole.length - 1}/${whole.length}`,
    })
    expect(part.bytes.equals(whole.subarray(5 * MIB))).toBe(true)
    expect(await errorOf(bytesOf('copied', { PartNumber: 3 }))).toBe('InvalidPartNumber')
  })

  test('If-None-Match: * at Complete', async () => {
    await s3.client.send(new PutObjectCommand({ Bucket: 'box', Key: 'taken', Body: 'x' }))
    const id = await begin('taken')
    const { ETag } = await upload('taken', id, 1, Buffer.from('y'))
    expect(await errorOf(complete('taken', id, [{ PartNumber: 1, ETag }], { IfNoneMatch: '*' }))).toBe(
      'PreconditionFailed',
    )
    expect((await bytesOf('taken')).bytes.toString()).toBe('x')
  })
})
