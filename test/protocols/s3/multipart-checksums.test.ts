import {
  type ChecksumAlgorithm,
  type ChecksumType,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  type CreateMultipartUploadCommandInput,
  GetObjectAttributesCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Algorithm, checksumElement, createChecksum } from '#protocols/s3/checksums.ts'
import { bucketOf } from './bucket.ts'
import { codeOf } from './wire.ts'
import { errorOf, type S3World, startS3World } from './world-s3.ts'

const MIB = 1024 * 1024
const pieces = ['a', 'b', 'c'].map((letter, index) => Buffer.alloc(index < 2 ? 5 * MIB : 1_000, letter))
const whole = Buffer.concat(pieces)
const Bucket = 'box'

let s3: S3World
beforeAll(async () => {
  s3 = await startS3World()
  await s3.client.send(new CreateBucketCommand({ Bucket }))
})
afterAll(() => s3[Symbol.asyncDispose]())

const { put, get, head } = bucketOf(() => s3)

async function begin(Key: string, more: Partial<CreateMultipartUploadCommandInput> = {}) {
  const upload = await s3.client.send(new CreateMultipartUploadCommand({ Bucket, Key, ...more }))
  const complete = (Parts: CompletedPart[], conditions: object = {}) =>
    s3.client.send(
      new CompleteMultipartUploadCommand({
        ...{ Bucket, Key, UploadId: upload.UploadId },
        ...{ MultipartUpload: { Parts }, ...conditions },
      }),
    )
  const send = async (bodies: readonly Buffer[], ChecksumAlgorithm?: ChecksumAlgorithm) => {
    const parts: CompletedPart[] = []
    for (const [index, Body] of bodies.entries()) {
      const target = { Bucket, Key, UploadId: upload.UploadId, PartNumber: index + 1 }
      const { ETag } = await s3.client.send(new UploadPartCommand({ ...target, Body, ChecksumAlgorithm }))
      parts.push({ PartNumber: index + 1, ETag })
    }
    return parts
  }
  return { upload, complete, send }
}

const sumOf = (algorithm: Algorithm, bytes: Uint8Array) => {
  const sum = createChecksum(algorithm)
  sum.update(bytes)
  return sum.digest().toString('base64')
}
const attributes = (Key: string, more: object = {}) =>
  s3.client.send(
    new GetObjectAttributesCommand({
      ...{ Bucket, Key, ...more },
      ObjectAttributes: ['ETag', 'Checksum', 'ObjectParts', 'ObjectSize', 'StorageClass'],
    }),
  )

const KINDS: readonly [Algorithm, ChecksumType][] = [
  ['CRC32', 'COMPOSITE'],
  ['CRC32', 'FULL_OBJECT'],
  ['CRC32C', 'FULL_OBJECT'],
  ['CRC64NVME', 'FULL_OBJECT'],
  ['SHA1', 'COMPOSITE'],
  ['SHA256', 'COMPOSITE'],
]

describe('S3 checksums of multipart objects', () => {
  test.each(KINDS)('%s, %s: every answer names the type, and a part has its own', async (algorithm, type) => {
    const key = `${algorithm}-${type}`
    const field = checksumElement(algorithm)
    const { upload, send, complete } = await begin(key, { ChecksumAlgorithm: algorithm, ChecksumType: type })
    expect(upload).toMatchObject({ ChecksumAlgorithm: algorithm, ChecksumType: type })
    const done = await complete(await send(pieces, algorithm), { ChecksumType: type })
    const sums = pieces.map((piece) => sumOf(algorithm, piece))
    const ofSums = `${sumOf(algorithm, Buffer.concat(sums.map((sum) => Buffer.from(sum, 'base64'))))}-3`
    const wanted = { [field]: type === 'COMPOSITE' ? ofSums : sumOf(algorithm, whole), ChecksumType: type }
    expect(done).toMatchObject(wanted)
    expect(await head(key, { ChecksumMode: 'ENABLED' })).toMatchObject(wanted)
    const described = await attributes(key)
    expect(described.Checksum).toMatchObject(wanted)
    expect(described.ObjectParts?.Parts).toEqual(
      pieces.map(({ length }, index) => ({ PartNumber: index + 1, Size: length, [field]: sums[index] })),
    )
    for (const [index, piece] of pieces.entries()) {
      const part = { PartNumber: index + 1, ChecksumMode: 'ENABLED' }
      const expected = { [field]: sums[index], ChecksumType: type, PartsCount: 3 }
      expect(await head(key, part)).toMatchObject(expected)
      const got = await get(key, part)
      expect(got).toMatchObject(expected)
      expect(got.bytes.equals(piece)).toBe(true)
    }
  })

  test('a range has no checksum, and a part has none unless it is asked for', async () => {
    const { send, complete } = await begin('plain', { ChecksumAlgorithm: 'CRC32' })
    await complete(await send(pieces.slice(2), 'CRC32'))
    const signed = (headers: Record<string, string>, query = '') =>
      s3.wire.signed('GET', `/box/plain${query}`, headers)
    const ranged = await signed({ range: 'bytes=0-9', 'x-amz-checksum-mode': 'ENABLED' })
    const silent = await signed({}, '?partNumber=1')
    const asked = await signed({ 'x-amz-checksum-mode': 'ENABLED' }, '?partNumber=1')
    expect([ranged.status, silent.status, asked.status]).toEqual([206, 206, 206])
    expect(ranged.headers).not.toHaveProperty('x-amz-checksum-crc32')
    expect(silent.headers).not.toHaveProperty('x-amz-checksum-crc32')
    expect(asked.headers).toHaveProperty('x-amz-checksum-crc32')
  })

  test('an object that was put whole is its part 1, with its checksum', async () => {
    await put('single', 'bytes', { ChecksumAlgorithm: 'SHA256' })
    const part = await get('single', { PartNumber: 1, ChecksumMode: 'ENABLED' })
    expect(part).toMatchObject({ ChecksumSHA256: sumOf('SHA256', Buffer.from('bytes')), text: 'bytes' })
  })

  test('a copy keeps the checksums of the parts', async () => {
    const { send, complete } = await begin('from', { ChecksumAlgorithm: 'SHA256' })
    await complete(await send(pieces.slice(2), 'SHA256'))
    await s3.client.send(new CopyObjectCommand({ Bucket, Key: 'to', CopySource: 'box/from' }))
    const { ObjectParts, Checksum } = await attributes('to')
    expect(ObjectParts?.Parts?.[0]?.ChecksumSHA256).toBe(sumOf('SHA256', pieces[2] ?? Buffer.alloc(0)))
    expect(Checksum?.ChecksumType).toBe('COMPOSITE')
  })

  test('a type without an algorithm, or another one at Complete, is refused', async () => {
    const alone = await s3.wire.signed('POST', '/box/type?uploads=', { 'x-amz-checksum-type': 'FULL_OBJECT' })
    expect([alone.status, codeOf(alone)]).toEqual([400, 'InvalidRequest'])
    const { send, complete } = await begin('type', { ChecksumAlgorithm: 'CRC32' })
    const parts = await send(pieces.slice(2), 'CRC32')
    expect(await errorOf(complete(parts, { ChecksumType: 'FULL_OBJECT' }))).toBe('InvalidRequest')
    expect(await errorOf(complete(parts, { ChecksumType: 'COMPOSITE' }))).toBe('ok')
  })

  test('Complete is told how long the object is to be', async () => {
    const { send, complete } = await begin('length')
    const parts = await send(pieces)
    expect(await errorOf(complete(parts, { MpuObjectSize: whole.length - 1 }))).toBe('InvalidRequest')
    expect(await errorOf(complete(parts, { MpuObjectSize: whole.length }))).toBe('ok')
  })
})

describe('S3 object attributes: parts', () => {
  test('come in pages', async () => {
    const { send, complete } = await begin('pages')
    await complete(await send(pieces))
    const all = await attributes('pages')
    expect(all).toMatchObject({ ObjectSize: whole.length, StorageClass: 'STANDARD' })
    expect(all.ObjectParts).toMatchObject({ TotalPartsCount: 3, IsTruncated: false, MaxParts: 1_000 })
    const first = (await attributes('pages', { MaxParts: 2 })).ObjectParts
    expect(first).toMatchObject({ IsTruncated: true, MaxParts: 2, NextPartNumberMarker: '2' })
    expect(first?.Parts?.map(({ PartNumber, Size }) => [PartNumber, Size])).toEqual([
      [1, 5 * MIB],
      [2, 5 * MIB],
    ])
    const rest = (await attributes('pages', { MaxParts: 2, PartNumberMarker: '2' })).ObjectParts
    expect(rest).toMatchObject({ IsTruncated: false, PartNumberMarker: '2', TotalPartsCount: 3 })
    expect(rest?.Parts?.map(({ PartNumber, Size }) => [PartNumber, Size])).toEqual([[3, 1_000]])
  })

  test('an object that was put whole has none', async () => {
    await put('whole', 'x')
    expect(await attributes('whole')).not.toHaveProperty('ObjectParts')
  })

  test.each(['x-amz-max-parts', 'x-amz-part-number-marker'])('%s must be a number', async (name) => {
    await put('odd', 'x')
    const headers = { 'x-amz-object-attributes': 'ObjectParts', [name]: 'many' }
    const answer = await s3.wire.signed('GET', '/box/odd?attributes=', headers)
    expect([answer.status, codeOf(answer)]).toEqual([400, 'InvalidArgument'])
  })
})
