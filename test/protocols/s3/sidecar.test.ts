import { rename as renameFile, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  CreateBucketCommand,
  DeleteObjectTaggingCommand,
  GetObjectTaggingCommand,
  ListObjectsV2Command,
  PutObjectTaggingCommand,
} from '@aws-sdk/client-s3'
import ssh2 from 'ssh2'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bucketOf } from './bucket.ts'
import { errorOf, type S3World, startS3World } from './world-s3.ts'

let s3: S3World
let sftp: ssh2.SFTPWrapper
let ssh: ssh2.Client
let webdav: string
beforeAll(async () => {
  s3 = await startS3World()
  await s3.client.send(new CreateBucketCommand({ Bucket: 'box' }))
  webdav = `http://127.0.0.1:${(await s3.world.start('webdav')).port}`
  const { port } = await s3.world.start('sftp')
  ssh = new ssh2.Client()
  sftp = await new Promise((resolve, reject) => {
    ssh.on('ready', () => ssh.sftp((error, session) => (error ? reject(error) : resolve(session))))
    ssh.on('error', reject)
    ssh.connect({ host: '127.0.0.1', port, username: s3.key.login, password: s3.key.value })
  })
})
afterAll(async () => {
  ssh.end()
  await s3[Symbol.asyncDispose]()
})

const { put, get, head, list, remove, copy, textOf } = bucketOf(() => s3)
const real = (key: string) => join(s3.world.root, 'box', key)

type Step = (done: (error?: Error | null) => void) => void
const overSftp = (step: Step) =>
  new Promise<void>((resolve, reject) => step((error) => (error ? reject(error) : resolve())))

async function overWebdav(method: string, path: string, headers: Record<string, string> = {}, body?: string) {
  const authorization = `Basic ${Buffer.from(`${s3.key.login}:${s3.key.value}`).toString('base64')}`
  const init = { method, headers: { authorization, ...headers }, ...(body === undefined ? {} : { body }) }
  const { status } = await fetch(`${webdav}${path}`, init)
  return status
}

const tagsOf = async (Key: string) =>
  (await s3.client.send(new GetObjectTaggingCommand({ Bucket: 'box', Key }))).TagSet
const DESCRIBED = {
  Metadata: { who: 'ann' },
  ContentType: 'text/x-kept',
  Tagging: 't=1',
  ChecksumAlgorithm: 'SHA256',
}

/** What clients see of an object that was put with DESCRIBED. */
async function seen(Key: string) {
  const { Metadata, ContentType, ETag, ChecksumSHA256 } = await head(Key, { ChecksumMode: 'ENABLED' })
  return { Metadata, ContentType, ETag, ChecksumSHA256, tags: await tagsOf(Key) }
}

describe('S3 metadata and the other doors', () => {
  test('check 34: SFTP overwrites an object: new ETag, nothing of the old one; HEAD = LIST = GET', async () => {
    const { ETag } = await put('over/written', 'by s3', DESCRIBED)
    await overSftp((done) => sftp.writeFile('/box/over/written', 'by sftp, longer', done))
    const now = await head('over/written', { ChecksumMode: 'ENABLED' })
    expect(now).toMatchObject({ Metadata: {}, ContentLength: 15 })
    expect([now.ChecksumSHA256, now.TagCount]).toEqual([undefined, undefined])
    expect(now.ETag).not.toBe(ETag)
    const [listed] = await list({ Prefix: 'over/written' })
    const got = await get('over/written')
    expect([listed?.ETag, got.ETag]).toEqual([now.ETag, now.ETag])
    expect(await tagsOf('over/written')).toEqual([])
    expect(got.text).toBe('by sftp, longer')
  })

  test('check 34: overwritten behind the server with the same size and inode, too', async () => {
    const { ETag } = await put('behind', 'aaaaa', DESCRIBED)
    await writeFile(real('behind'), 'bbbbb')
    await utimes(real('behind'), new Date(), new Date(Date.now() + 5_000))
    const now = await head('behind')
    expect([now.Metadata, now.ETag === ETag]).toEqual([{}, false])
  })

  test('check 35: renames by SFTP and WebDAV keep ETag, metadata, tags and checksums, also of a folder', async () => {
    await put('moved/deep/a', 'text', DESCRIBED)
    const before = await seen('moved/deep/a')
    await overSftp((done) => sftp.rename('/box/moved/deep/a', '/box/moved/deep/b', done))
    expect(await seen('moved/deep/b')).toEqual(before)
    expect(await overWebdav('MOVE', '/box/moved', { Destination: `${webdav}/box/elsewhere` })).toBe(201)
    expect(await seen('elsewhere/deep/b')).toEqual(before)
    expect(await errorOf(head('moved/deep/b'))).toBe('NotFound')
  })

  test('check 35: chmod and set times by SFTP keep them', async () => {
    await put('modes', 'text', DESCRIBED)
    const before = await seen('modes')
    await overSftp((done) => sftp.chmod('/box/modes', 0o600, done))
    expect(await seen('modes')).toEqual(before)
    await overSftp((done) => sftp.utimes('/box/modes', 1_600_000_000, 1_600_000_000, done))
    expect(await seen('modes')).toEqual(before)
    expect((await head('modes')).LastModified).toEqual(new Date(1_600_000_000_000))
  })

  test('a rename behind the server is found again by its inode', async () => {
    await put('out/of/band', 'text', DESCRIBED)
    const before = await seen('out/of/band')
    await renameFile(real('out/of/band'), real('out/renamed'))
    expect(await seen('out/renamed')).toEqual(before)
    await put('out/of/band', 'another', { Metadata: { other: '1' } })
    await remove('out/of/band')
    expect(await seen('out/renamed')).toEqual(before)
  })

  test('what another door deletes and somebody writes anew has nothing of the old object', async () => {
    await put('deleted', 'text', DESCRIBED)
    expect(await overWebdav('DELETE', '/box/deleted')).toBe(204)
    expect(await overWebdav('PUT', '/box/deleted', {}, 'text')).toBe(201)
    expect((await head('deleted')).Metadata).toEqual({})
    expect(await tagsOf('deleted')).toEqual([])
  })

  test('a copy by WebDAV takes the metadata along', async () => {
    await put('copied', 'text', DESCRIBED)
    expect(await overWebdav('COPY', '/box/copied', { Destination: `${webdav}/box/copy` })).toBe(201)
    expect(await seen('copy')).toEqual(await seen('copied'))
  })
})

describe('S3 metadata alone', () => {
  test('a copy onto itself and tags do not touch the bytes: inode, time and ETag stay', async () => {
    const { ETag } = await put('alone', 'text', DESCRIBED)
    const before = await stat(real('alone'), { bigint: true })
    await copy('alone', 'alone', { MetadataDirective: 'REPLACE', Metadata: { now: '2' }, ContentType: 'a/b' })
    const Tagging = { TagSet: [{ Key: 'x', Value: 'y' }] }
    await s3.client.send(new PutObjectTaggingCommand({ Bucket: 'box', Key: 'alone', Tagging }))
    const after = await stat(real('alone'), { bigint: true })
    expect([after.ino, after.mtimeNs]).toEqual([before.ino, before.mtimeNs])
    expect(await head('alone')).toMatchObject({
      ETag,
      Metadata: { now: '2' },
      ContentType: 'a/b',
      TagCount: 1,
    })
    await s3.client.send(new DeleteObjectTaggingCommand({ Bucket: 'box', Key: 'alone' }))
    expect(await tagsOf('alone')).toEqual([])
    expect((await head('alone')).Metadata).toEqual({ now: '2' })
  })

  test('a file of another door can be tagged and described; its ETag stays', async () => {
    await writeFile(real('foreign'), 'bytes')
    const { ETag } = await head('foreign')
    const Tagging = { TagSet: [{ Key: 'x', Value: 'y' }] }
    await s3.client.send(new PutObjectTaggingCommand({ Bucket: 'box', Key: 'foreign', Tagging }))
    await copy('foreign', 'foreign', { MetadataDirective: 'REPLACE', Metadata: { now: '2' } })
    expect(await head('foreign')).toMatchObject({ ETag, Metadata: { now: '2' } })
    expect(await tagsOf('foreign')).toEqual(Tagging.TagSet)
  })

  test('tags and metadata that change at once do not undo each other', async () => {
    await put('both', 'text')
    const tag = (index: number) => ({ TagSet: [{ Key: 'n', Value: `${index}` }] })
    const results = await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        errorOf(
          index % 2 === 0
            ? s3.client.send(new PutObjectTaggingCommand({ Bucket: 'box', Key: 'both', Tagging: tag(index) }))
            : copy('both', 'both', { MetadataDirective: 'REPLACE', Metadata: { n: `${index}` } }),
        ),
      ),
    )
    expect(new Set(results)).toEqual(
      new Set(results.includes('OperationAborted') ? ['ok', 'OperationAborted'] : ['ok']),
    )
    expect(await tagsOf('both')).toHaveLength(1)
    expect((await head('both')).Metadata).toHaveProperty('n')
  })

  test('a marker keeps its metadata (s3fs), also when it is copied, and loses it with the folder', async () => {
    const Metadata = { mode: '16877', uid: '0' }
    await put('marked/', '', { Metadata, ContentType: 'application/x-directory' })
    expect(await head('marked/')).toMatchObject({ Metadata, ContentLength: 0 })
    await put('marked/inside', 'x')
    expect((await head('marked/')).Metadata).toEqual(Metadata)
    await copy('marked/', 'marked/', { MetadataDirective: 'REPLACE', Metadata: { mode: '16832' } })
    expect((await head('marked/')).Metadata).toEqual({ mode: '16832' })
    await copy('marked/', 'other/')
    expect((await head('other/')).Metadata).toEqual({ mode: '16832' })
    expect(await textOf('marked/inside')).toBe('x')
    await remove('other/')
    await put('other/x', 'x')
    expect((await head('other/')).Metadata).toEqual({})
  })
})

describe('S3 folders', () => {
  test('a restart does not forget which folders go with their last object', async () => {
    await put('implicit/deep/er/a', 'x')
    const { port } = await s3.world.start('s3')
    const later = s3.clientOf(s3.key, { endpoint: `http://127.0.0.1:${port}` })
    await bucketOf(() => ({ client: later })).remove('implicit/deep/er/a')
    expect(await errorOf(stat(real('implicit')))).toMatch(/ENOENT|Error/)
    expect(
      (await s3.client.send(new ListObjectsV2Command({ Bucket: 'box', Prefix: 'implicit' }))).KeyCount,
    ).toBe(0)
  })

  test('the mark goes along with a rename, and a marker takes it away', async () => {
    await put('first/a', 'x')
    expect(await overWebdav('MOVE', '/box/first', { Destination: `${webdav}/box/second` })).toBe(201)
    await put('second/', '')
    await remove('second/a')
    expect((await head('second/')).ContentLength).toBe(0)
    await put('third/a', 'x')
    expect(await overWebdav('MOVE', '/box/third', { Destination: `${webdav}/box/fourth` })).toBe(201)
    await remove('fourth/a')
    expect(await errorOf(head('fourth/'))).toBe('NotFound')
  })
})
