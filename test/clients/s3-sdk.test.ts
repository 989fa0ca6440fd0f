import { randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { Agent } from 'node:http'
import { Readable } from 'node:stream'
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { Client as MinioClient } from 'minio'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { program } from './programs.ts'
import { succeed } from './run.ts'
import { AWKWARD, type S3Server, SMALL, same, startS3Server } from './s3-server.ts'

const PART = 5 * 1024 * 1024

let s3: S3Server
beforeAll(async () => {
  s3 = await startS3Server()
})
afterAll(() => s3[Symbol.asyncDispose]())

async function textOf(client: S3Client, Key: string): Promise<string> {
  const { Body } = await client.send(new GetObjectCommand({ Bucket: 'box', Key }))
  return (await Body?.transformToString()) ?? ''
}

/** Names below `localhost` are this machine's, whether its resolver knows them or not. */
const here = new Agent({
  lookup: (_name, { all }, done) =>
    all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4),
})
const named = () => ({
  endpoint: `http://localhost:${s3.port}`,
  requestHandler: { httpAgent: here },
})

// `localhost` is a host name, so that the SDK puts the bucket in front of it; `127.0.0.1` is not.
describe.each([
  ['path style', () => ({ endpoint: s3.url })],
  ['host name', () => named()],
  ['host name, path style', () => ({ ...named(), forcePathStyle: true })],
])('@aws-sdk/client-s3, %s', (style, config) => {
  const at = (key: string) => ({ Bucket: 'box', Key: `${style}/${key}` })
  const client = () => s3.clientWith(config())

  test('check 39: put, get, list, copy, head and delete', async () => {
    await client().send(new PutObjectCommand({ ...at('one'), Body: SMALL, Metadata: { a: '1' } }))
    expect(await textOf(client(), `${style}/one`)).toBe(SMALL)
    const CopySource = encodeURIComponent(`box/${style}/one`)
    await client().send(new CopyObjectCommand({ ...at('two'), CopySource }))
    expect((await client().send(new HeadObjectCommand(at('two')))).Metadata).toEqual({ a: '1' })
    const list = await client().send(new ListObjectsV2Command({ Bucket: 'box', Prefix: `${style}/` }))
    expect(list.Contents?.map(({ Key }) => Key)).toEqual([`${style}/one`, `${style}/two`])
    const Objects = list.Contents?.map(({ Key }) => ({ Key }))
    const gone = await client().send(new DeleteObjectsCommand({ Bucket: 'box', Delete: { Objects } }))
    expect(gone.Deleted).toHaveLength(2)
    expect(gone.Errors).toBeUndefined()
  })

  test('check 6: an object from a stream', async () => {
    const Body = createReadStream(s3.local('big'))
    await client().send(new PutObjectCommand({ ...at('stream'), Body, ContentLength: 20 * 1024 * 1024 }))
    expect(await same(s3.local('big'), s3.real('box', style, 'stream'))).toBe(true)
  })

  test('check 7: a CRC-64/NVME put, and a get that is verified with it', async () => {
    const Body = randomBytes(300_000)
    await client().send(new PutObjectCommand({ ...at('crc64'), Body, ChecksumAlgorithm: 'CRC64NVME' }))
    const got = await client().send(new GetObjectCommand({ ...at('crc64'), ChecksumMode: 'ENABLED' }))
    expect(got.ChecksumCRC64NVME).toMatch(/=$/)
    expect(Buffer.from((await got.Body?.transformToByteArray()) ?? []).equals(Body)).toBe(true)
  })

  test('check 28: an awkward key', async () => {
    await client().send(new PutObjectCommand({ ...at(AWKWARD), Body: SMALL }))
    expect(await textOf(client(), `${style}/${AWKWARD}`)).toBe(SMALL)
    expect(await readFile(s3.real('box', style, AWKWARD), 'utf8')).toBe(SMALL)
  })
})

describe('@aws-sdk/lib-storage', () => {
  test('check 8: 20 MB in parts; the checksum of the whole names their number', async () => {
    const at = { Bucket: 'box', Key: 'lib-storage' }
    const params = { ...at, Body: createReadStream(s3.local('big')) }
    await new Upload({ client: s3.client, params, partSize: PART }).done()
    expect(await same(s3.local('big'), s3.real('box/lib-storage'))).toBe(true)
    const head = await s3.client.send(new HeadObjectCommand({ ...at, ChecksumMode: 'ENABLED' }))
    expect(head.ChecksumCRC32).toMatch(/-4$/)
    expect(head.ChecksumType).toBe('COMPOSITE')
  })

  test('a stream of unknown length, 200 MiB', async () => {
    const piece = randomBytes(1024 * 1024)
    const pieces = function* () {
      for (let at = 0; at < 200; at++) yield piece
    }
    const params = { Bucket: 'box', Key: 'long', Body: Readable.from(pieces()) }
    await new Upload({ client: s3.client, params, partSize: 16 * 1024 * 1024 }).done()
    const head = await s3.client.send(new HeadObjectCommand({ Bucket: 'box', Key: 'long' }))
    expect(head.ContentLength).toBe(200 * 1024 * 1024)
    const range = { Bucket: 'box', Key: 'long', Range: `bytes=${150 * 1024 * 1024}-${151 * 1024 * 1024 - 1}` }
    const { Body } = await s3.client.send(new GetObjectCommand(range))
    expect(Buffer.from((await Body?.transformToByteArray()) ?? []).equals(piece)).toBe(true)
  })

  test('an upload that lost its client is found again and finished by another', async () => {
    const at = { Bucket: 'box', Key: 'resumed' }
    const whole = await readFile(s3.local('big'))
    const part = (n: number) => whole.subarray((n - 1) * PART, n * PART)
    const { UploadId } = await s3.client.send(new CreateMultipartUploadCommand(at))
    for (const PartNumber of [1, 2]) {
      await s3.client.send(new UploadPartCommand({ ...at, UploadId, PartNumber, Body: part(PartNumber) }))
    }
    const another = s3.clientWith({})
    const { Parts = [] } = await another.send(new ListPartsCommand({ ...at, UploadId }))
    expect(Parts.map(({ PartNumber, Size }) => [PartNumber, Size])).toEqual([
      [1, PART],
      [2, PART],
    ])
    const done = Parts.map(({ PartNumber, ETag }) => ({ PartNumber, ETag }))
    for (const PartNumber of [3, 4]) {
      const sent = new UploadPartCommand({ ...at, UploadId, PartNumber, Body: part(PartNumber) })
      done.push({ PartNumber, ETag: (await another.send(sent)).ETag })
    }
    const MultipartUpload = { Parts: done }
    await another.send(new CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload }))
    expect(await same(s3.local('big'), s3.real('box/resumed'))).toBe(true)
  })
})

describe('@aws-sdk/s3-request-presigner', () => {
  test.skipIf(!program('curl'))('check 9: a PUT that was signed without its body takes 1 MB', async () => {
    const body = randomBytes(1_000_000)
    await writeFile(s3.local('megabyte'), body)
    const url = await getSignedUrl(s3.client, new PutObjectCommand({ Bucket: 'box', Key: 'presigned' }))
    await succeed('curl', ['-sS', '--fail-with-body', '-T', s3.local('megabyte'), url])
    expect(await same(s3.local('megabyte'), s3.real('box/presigned'))).toBe(true)
    const get = await getSignedUrl(s3.client, new GetObjectCommand({ Bucket: 'box', Key: 'presigned' }))
    await succeed('curl', ['-sS', '-o', s3.local('megabyte.back'), get])
    expect(await same(s3.local('megabyte'), s3.local('megabyte.back'))).toBe(true)
  })
})

describe('minio', () => {
  const minio = () =>
    new MinioClient({
      endPoint: '127.0.0.1',
      port: s3.port,
      useSSL: false,
      accessKey: s3.accessKeyId,
      secretKey: s3.secretAccessKey,
      partSize: PART,
    })

  test('check 27: makeBucket, fPutObject, list, copy, removeObjects, removeBucket', async () => {
    const client = minio()
    await client.makeBucket('of-minio', 'local')
    expect(await client.bucketExists('of-minio')).toBe(true)
    await client.fPutObject('of-minio', 'deep/big', s3.local('big'), { 'x-amz-meta-a': '1' })
    expect(await same(s3.local('big'), s3.real('of-minio/deep/big'))).toBe(true)
    await client.fGetObject('of-minio', 'deep/big', s3.local('minio.back'))
    expect(await same(s3.local('big'), s3.local('minio.back'))).toBe(true)
    await client.putObject('of-minio', 'empty', '')
    await client.copyObject('of-minio', 'copied', '/of-minio/deep/big')
    expect((await client.statObject('of-minio', 'copied')).metaData).toMatchObject({ a: '1' })
    for (const listed of [
      client.listObjects('of-minio', '', true),
      client.listObjectsV2('of-minio', '', true),
    ]) {
      const names: unknown[] = []
      for await (const { name } of listed) names.push(name)
      expect(names).toEqual(['copied', 'deep/big', 'empty'])
    }
    await client.removeObjects('of-minio', ['copied', 'deep/big', 'empty'])
    await client.removeBucket('of-minio')
    expect(await client.bucketExists('of-minio')).toBe(false)
  })

  test('check 28: an awkward key', async () => {
    await minio().putObject('box', AWKWARD, SMALL)
    expect(await readFile(s3.real('box', AWKWARD), 'utf8')).toBe(SMALL)
    const chunks: Buffer[] = []
    for await (const chunk of await minio().getObject('box', AWKWARD)) chunks.push(chunk)
    expect(Buffer.concat(chunks).toString()).toBe(SMALL)
    await minio().removeObject('box', AWKWARD)
  })
})
