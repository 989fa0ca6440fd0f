import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startS3Door } from '#protocols/s3/door.ts'
import { bucketOf } from './bucket.ts'
import { wireTo } from './wire.ts'
import { errorOf, type S3World, startS3World } from './world-s3.ts'

const DAY_MS = 86_400_000

let s3: S3World
beforeAll(async () => {
  s3 = await startS3World()
  await s3.client.send(new CreateBucketCommand({ Bucket: 'box' }))
})
afterAll(() => s3[Symbol.asyncDispose]())

const { textOf, head } = bucketOf(() => s3)
const Bucket = 'box'
const begin = async (Key: string, bucket = Bucket, client = s3.client) =>
  (await client.send(new CreateMultipartUploadCommand({ Bucket: bucket, Key }))).UploadId ?? ''
const part = (Key: string, UploadId: string, PartNumber: number, Body: string | Buffer, client = s3.client) =>
  client.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body }))
const complete = (Key: string, UploadId: string, Parts: object[]) =>
  s3.client.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }))
const abort = (Key: string, UploadId: string) =>
  s3.client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }))
const uploads = async (more: object = {}) =>
  s3.client.send(new ListMultipartUploadsCommand({ Bucket, ...more }))
const partFolders = () => readdir(join(s3.world.root, '.latchkey/multipart')).catch(() => [])

describe('S3 multipart: lists', () => {
  test('ListParts in pages of any size gives all parts', async () => {
    const id = await begin('pages')
    for (const number of [7, 2, 10_000, 1, 3]) await part('pages', id, number, `part ${number}`)
    for (const MaxParts of [1, 2, 3, 5, 1_000]) {
      const numbers: (number | undefined)[] = []
      let PartNumberMarker: string | undefined
      for (;;) {
        const page = await s3.client.send(
          new ListPartsCommand({ Bucket, Key: 'pages', UploadId: id, MaxParts, PartNumberMarker }),
        )
        numbers.push(...(page.Parts ?? []).map(({ PartNumber }) => PartNumber))
        if (!page.IsTruncated) break
        PartNumberMarker = page.NextPartNumberMarker
      }
      expect(numbers).toEqual([1, 2, 3, 7, 10_000])
    }
    await abort('pages', id)
  })

  test('ListMultipartUploads in pages of any size gives all uploads, in order, prefixes once', async () => {
    const keys = ['a', 'a', 'b/1', 'b/2', 'b/2', 'b0', 'c%_/x', 'd\u{1f600}', 'd\ue000']
    const started = await Promise.all(keys.map(async (key) => ({ key, id: await begin(key) })))
    const all = async (more: object) => {
      const found: string[] = []
      let markers: object = {}
      for (;;) {
        const page = await uploads({ ...more, ...markers })
        found.push(...(page.Uploads ?? []).map(({ Key = '' }) => Key))
        found.push(...(page.CommonPrefixes ?? []).map(({ Prefix = '' }) => `${Prefix}*`))
        if (!page.IsTruncated) return found
        markers = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker }
      }
    }
    const ordered = ['a', 'a', 'b/1', 'b/2', 'b/2', 'b0', 'c%_/x', 'd\ue000', 'd\u{1f600}']
    for (const MaxUploads of [1, 2, 3, 4, 1_000]) {
      expect(await all({ MaxUploads })).toEqual(ordered)
      expect(await all({ MaxUploads, Prefix: 'b/' })).toEqual(['b/1', 'b/2', 'b/2'])
      expect((await all({ MaxUploads, Delimiter: '/' })).toSorted()).toEqual(
        ['a', 'a', 'b/*', 'b0', 'c%_/*', 'd\ue000', 'd\u{1f600}'].toSorted(),
      )
    }
    expect((await uploads({ MaxUploads: 0 })).Uploads).toBeUndefined()
    await Promise.all(started.map(({ key, id }) => abort(key, id)))
    expect(await all({})).toEqual([])
  })
})

describe('S3 multipart: ends', () => {
  test('Complete and Abort at once: either the object is whole, or nothing is left', async () => {
    for (let round = 0; round < 10; round++) {
      const key = `race/${round}`
      const id = await begin(key)
      const { ETag } = await part(key, id, 1, 'only')
      const [completed, aborted] = await Promise.all([
        errorOf(complete(key, id, [{ PartNumber: 1, ETag }])),
        errorOf(abort(key, id)),
      ])
      expect(['ok', 'NoSuchUpload']).toContain(aborted)
      if (completed === 'ok') expect(await textOf(key)).toBe('only')
      else expect([completed, await errorOf(head(key))]).toEqual(['NoSuchUpload', 'NotFound'])
    }
    expect((await uploads()).Uploads).toBeUndefined()
    expect(await partFolders()).toEqual([])
  })

  test('a slow Complete begins with the XML declaration and white space; a fault stands in the 200', async () => {
    const listener = { address: '127.0.0.1', port: 0, siteId: null }
    const quick = { listener, log: silent, region: 'local', keepWaiting: 1 }
    const door = await startS3Door(s3.world.gate, quick)
    const wire = wireTo(door.port, s3.key)
    const id = await begin('slow')
    const parts: string[] = []
    for (const [index, body] of [Buffer.alloc(40 * 1024 * 1024), Buffer.alloc(5)].entries()) {
      const { ETag } = await part('slow', id, index + 1, body)
      parts.push(`<Part><PartNumber>${index + 1}</PartNumber><ETag>${ETag}</ETag></Part>`)
    }
    const body = `<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`
    const answer = await wire.signed('POST', `/box/slow?uploadId=${id}`, {}, body)
    expect(answer.status).toBe(200)
    expect(answer.text).toMatch(
      /^<\?xml version="1\.0" encoding="UTF-8"\?>\n *<CompleteMultipartUploadResult/,
    )
    const again = await wire.signed('POST', `/box/slow?uploadId=${id}`, {}, body)
    expect(again.text.replace(/\n +/, '\n')).toBe(answer.text.replace(/\n +/, '\n'))
    await door.stop(AbortSignal.abort())
  })

  test('uploads that get no more parts are ended after the configured days; the audit says so', async () => {
    const old = await begin('left/old')
    await part('left/old', old, 1, 'x')
    const going = await begin('left/going')
    await part('left/going', going, 1, 'x')
    s3.world.clock.advance(6 * DAY_MS)
    await s3.world.core.files.cleanUploads()
    expect((await uploadIds()).toSorted()).toEqual([old, going].toSorted())
    await lateParts('left/going', going)
    s3.world.clock.advance(2 * DAY_MS)
    expect(await s3.world.core.files.cleanUploads()).toEqual({ removed: 1, more: false })
    expect(await uploadIds()).toEqual([going])
    expect(await partFolders()).toEqual([going])
    await s3.world.core.audit.flush()
    const page = { limit: 10, after: null, order: 'newest' } as const
    const filter = { siteId: s3.world.site.id, action: 'upload.abort' }
    const [entry] = await s3.world.folder.records.audit.search(filter, page)
    expect(entry).toMatchObject({ reason: 'upload_days', subject: '/box/left/old', userId: null })
  })

  test('an upload of a deleted key goes on with another one; one of a deleted bucket ends with it', async () => {
    s3.world.clock.advance(-8 * DAY_MS)
    const key = await s3.world.issue()
    const theirs = s3.clientOf(key)
    const id = await begin('orphan', Bucket, theirs)
    const { ETag } = await part('orphan', id, 1, 'kept', theirs)
    await s3.world.remove(key.id)
    expect(await errorOf(part('orphan', id, 2, 'x', theirs))).toBe('SignatureDoesNotMatch')
    await complete('orphan', id, [{ PartNumber: 1, ETag }])
    expect(await textOf('orphan')).toBe('kept')
    await s3.client.send(new CreateBucketCommand({ Bucket: 'short' }))
    const before = await partFolders()
    const short = await begin('k', 'short')
    await s3.client.send(
      new UploadPartCommand({ Bucket: 'short', Key: 'k', UploadId: short, PartNumber: 1, Body: 'x' }),
    )
    await s3.client.send(new DeleteBucketCommand({ Bucket: 'short' }))
    expect(await partFolders()).toEqual(before)
    await s3.client.send(new CreateBucketCommand({ Bucket: 'short' }))
    const again = new ListMultipartUploadsCommand({ Bucket: 'short' })
    expect((await s3.client.send(again)).Uploads).toBeUndefined()
  })
})

async function uploadIds(): Promise<string[]> {
  return [...(await s3.world.folder.records.uploads.ids())]
}

/** A part that comes now, by the world's clock, to which requests of SDKs would be days off. */
async function lateParts(key: string, id: string): Promise<void> {
  const modified = s3.world.clock.now()
  await s3.world.folder.records.uploads.putPart(id, {
    number: 1,
    size: 1,
    etag: key,
    checksums: {},
    modified,
  })
  await s3.world.folder.records.uploads.parts(id)
}

const silent = { debug() {}, info() {}, warn() {}, error() {} }
