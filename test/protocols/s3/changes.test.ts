import { mkdir, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { CreateBucketCommand, DeleteObjectsCommand } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bucketOf } from './bucket.ts'
import { errorOf, type S3World, startS3World } from './world-s3.ts'

let s3: S3World
beforeAll(async () => {
  s3 = await startS3World()
  await s3.client.send(new CreateBucketCommand({ Bucket: 'box' }))
})
afterAll(() => s3[Symbol.asyncDispose]())

const { put, head, textOf, keys, remove, copy } = bucketOf(() => s3)

describe('S3 copy', () => {
  test('takes bytes, metadata and ETag along, into folders that are not there yet', async () => {
    const { ETag } = await put('source', 'copied', {
      Metadata: { a: '1' },
      ContentType: 'text/x',
      Tagging: 't=1',
    })
    const { CopyObjectResult } = await copy('source', 'new/folder/target')
    expect(CopyObjectResult?.ETag).toBe(ETag)
    expect(await head('new/folder/target')).toMatchObject({
      ETag,
      Metadata: { a: '1' },
      ContentType: 'text/x',
    })
    expect(await textOf('new/folder/target')).toBe('copied')
  })

  test('REPLACE sets new metadata, also onto itself (touch); COPY onto itself is refused', async () => {
    const { ETag } = await put('touched', 'same', { Metadata: { mtime: '1' } })
    const MetadataDirective = 'REPLACE'
    await copy('touched', 'touched', { MetadataDirective, Metadata: { mtime: '2' }, ContentType: 'text/y' })
    expect(await head('touched')).toMatchObject({ ETag, Metadata: { mtime: '2' }, ContentType: 'text/y' })
    expect(await textOf('touched')).toBe('same')
    await copy('touched', 'touched2', { MetadataDirective, Metadata: { mtime: '3' } })
    expect(await head('touched2')).toMatchObject({ ETag, Metadata: { mtime: '3' } })
    expect(await errorOf(copy('touched', 'touched'))).toBe('InvalidRequest')
  })

  test('conditions on the source, sources that are not there', async () => {
    const { ETag } = await put('from', 'x')
    expect(await errorOf(copy('from', 'to', { CopySourceIfMatch: '"no"' }))).toBe('PreconditionFailed')
    expect(await errorOf(copy('from', 'to', { CopySourceIfNoneMatch: ETag }))).toBe('PreconditionFailed')
    expect(await errorOf(copy('from', 'to', { CopySourceIfMatch: ETag }))).toBe('ok')
    expect(await errorOf(copy('missing', 'to'))).toBe('NoSuchKey')
    expect(await errorOf(copy('../box/from', 'to'))).toBe('InvalidArgument')
  })

  test('onto a folder is refused and harms nothing in it', async () => {
    await put('whole/folder/inside', 'safe')
    await put('file', 'x')
    expect(await errorOf(copy('file', 'whole/folder'))).toBe('ExistingObjectIsDirectory')
    expect(await errorOf(copy('file', 'whole'))).toBe('ExistingObjectIsDirectory')
    expect(await textOf('whole/folder/inside')).toBe('safe')
  })

  test('replaces an object', async () => {
    await put('over1', 'new')
    await put('over2', 'old', { Metadata: { old: '1' } })
    await copy('over1', 'over2')
    expect(await textOf('over2')).toBe('new')
    expect((await head('over2')).Metadata).toEqual({})
  })
})

describe('S3 delete and folders', () => {
  test('deleting what is not there is 204', async () => {
    expect(await errorOf(remove('never/there'))).toBe('ok')
    await put('there/inside', 'x')
    expect(await errorOf(remove('there'))).toBe('ok')
    expect(await errorOf(remove('there/'))).toBe('ok')
    expect(await textOf('there/inside')).toBe('x')
  })

  test('implicit folders go with their last object, those of a marker or another door stay', async () => {
    await put('gone/deep/a', 'x')
    await remove('gone/deep/a')
    expect(await errorOf(stat(join(s3.world.root, 'box/gone')))).not.toBe('ok')
    await put('marked/', '')
    await put('marked/sub/a', 'x')
    await remove('marked/sub/a')
    expect(await readdir(join(s3.world.root, 'box/marked'))).toEqual([])
    expect(await keys({ Prefix: 'marked' })).toEqual(['marked/'])
    await mkdir(join(s3.world.root, 'box/inbox'))
    await put('inbox/a', 'x')
    await remove('inbox/a')
    expect(await keys({ Prefix: 'inbox' })).toEqual(['inbox/'])
    await remove('marked/')
    expect(await keys({ Prefix: 'marked' })).toEqual([])
  })

  test('a failed upload leaves neither the object nor its folders', async () => {
    expect(await errorOf(put('failed/deep/a', 'x', { ChecksumCRC32: 'AAAAAA==' }))).toBe('BadDigest')
    expect(await errorOf(stat(join(s3.world.root, 'box/failed')))).not.toBe('ok')
  })

  test('a marker has no bytes', async () => {
    expect(await errorOf(put('bytes/', 'x'))).toBe('EntityTooLarge')
    expect(await errorOf(head('bytes/'))).toBe('NotFound')
  })

  test('check 13: many at once, quiet or not; more than 1,000 are refused', async () => {
    for (const key of ['many/1', 'many/2', 'many/3/4']) await put(key)
    const many = (Objects: { Key: string }[], Quiet = false) =>
      s3.client.send(new DeleteObjectsCommand({ Bucket: 'box', Delete: { Objects, Quiet } }))
    const first = await many([{ Key: 'many/1' }, { Key: 'many/absent' }, { Key: 'a//b' }])
    expect(first.Deleted?.map(({ Key }) => Key)).toEqual(['many/1', 'many/absent'])
    expect(first.Errors).toMatchObject([{ Key: 'a//b', Code: 'InvalidArgument' }])
    expect(await many([{ Key: 'many/2' }, { Key: 'many/3/4' }], true)).not.toHaveProperty('Deleted')
    expect(await keys({ Prefix: 'many' })).toEqual([])
    const names = Array.from({ length: 1_001 }, (_, index) => ({ Key: `n/${index}` }))
    expect(await errorOf(many(names))).toBe('MalformedXML')
    expect((await many(names.slice(1))).Deleted).toHaveLength(1_000)
  })
})
