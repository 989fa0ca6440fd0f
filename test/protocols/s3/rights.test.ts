import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteBucketTaggingCommand,
  DeleteObjectCommand,
  GetBucketTaggingCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  PutBucketTaggingCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Actor } from '#identity/actor.ts'
import { updateKey } from '#identity/keys.ts'
import { addMount, changeMount } from '#identity/mounts.ts'
import { ALL_RIGHTS, rightsOf } from '#permissions/grants.ts'
import { ALL_SCOPES, type Scope, scopesOf } from '#permissions/scopes.ts'
import { errorOf, type S3World, startS3World } from './world-s3.ts'

let s3: S3World
beforeAll(async () => {
  s3 = await startS3World()
  await s3.client.send(new CreateBucketCommand({ Bucket: 'box' }))
})
afterAll(() => s3[Symbol.asyncDispose]())

const OPERATOR: Actor = { kind: 'command_line' }

describe('S3 rights', () => {
  test('S: without files.write nothing is written, without files.read nothing is read', async () => {
    await s3.client.send(new PutObjectCommand({ Bucket: 'box', Key: 'guarded', Body: 'x' }))
    const object = { Bucket: 'box', Key: 'guarded' }
    const reader = s3.clientOf(
      await s3.world.issue({ scopes: scopesOf('s3', 'files.list', 'files.read', 'folders.read') }),
    )
    expect(await errorOf(reader.send(new PutObjectCommand({ ...object, Body: 'y' })))).toBe('AccessDenied')
    const { Body } = await reader.send(new GetObjectCommand(object))
    expect(await Body?.transformToString()).toBe('x')
    const lister = s3.clientOf(await s3.world.issue({ scopes: scopesOf('s3', 'files.list', 'folders.read') }))
    expect(await errorOf(lister.send(new HeadObjectCommand(object)))).toBe('ok')
    expect(await errorOf(lister.send(new GetObjectCommand(object)))).toBe('AccessDenied')
    const elsewhere = s3.clientOf(await s3.world.issue({ scopes: ALL_SCOPES & ~scopesOf('s3') }))
    expect(await errorOf(elsewhere.send(new HeadObjectCommand(object)))).not.toBe('ok')
  })

  test('S4: who may only write can put into new folders, and not read back', async () => {
    const key = await s3.world.issue({ scopes: scopesOf('s3', 'files.write') })
    const writer = s3.clientOf(key)
    const object = { Bucket: 'box', Key: 'drop/off/file' }
    expect(await errorOf(writer.send(new PutObjectCommand({ ...object, Body: 'x' })))).toBe('ok')
    expect(await errorOf(writer.send(new GetObjectCommand(object)))).not.toBe('ok')
  })

  test('U1: a member sees the buckets that lead to a grant, and cannot make one', async () => {
    await s3.client.send(new CreateBucketCommand({ Bucket: 'other' }))
    const rights = rightsOf('list', 'read', 'write', 'delete')
    const member = s3.clientOf(
      await s3.world.issue({ role: 'member', grants: [{ path: '/box/mine', rights }] }),
    )
    const { Buckets } = await member.send(new ListBucketsCommand({}))
    expect(Buckets?.map(({ Name }) => Name)).toEqual(['box'])
    expect(await errorOf(member.send(new CreateBucketCommand({ Bucket: 'new-one' })))).toBe('AccessDenied')
    expect(await errorOf(member.send(new CreateBucketCommand({ Bucket: 'box' })))).toBe(
      'BucketAlreadyOwnedByYou',
    )
    expect(
      await errorOf(member.send(new PutObjectCommand({ Bucket: 'box', Key: 'mine/a', Body: 'x' }))),
    ).toBe('ok')
    expect(
      await errorOf(member.send(new PutObjectCommand({ Bucket: 'box', Key: 'theirs/a', Body: 'x' }))),
    ).not.toBe('ok')
    expect(await readdir(join(s3.world.root, 'box'))).not.toContain('theirs')
  })

  test('R1: a key disabled in the middle of a download cuts it', async () => {
    const key = await s3.world.issue()
    await writeFile(join(s3.world.root, 'box/long'), Buffer.alloc(64 * 1024 * 1024))
    const { Body } = await s3.clientOf(key).send(new GetObjectCommand({ Bucket: 'box', Key: 'long' }))
    if (Body === undefined || !('read' in Body)) throw new Error('no stream')
    await new Promise<void>((resolve) => Body.once('readable', () => resolve()))
    await s3.world.disable(key.id)
    await expect(Body.transformToByteArray()).rejects.toThrow()
  })

  test('S1: basic_path inside a bucket: the rest of the bucket looks empty', async () => {
    await s3.client.send(new PutObjectCommand({ Bucket: 'box', Key: 'outside/a', Body: 'x' }))
    await s3.client.send(new PutObjectCommand({ Bucket: 'box', Key: 'base/inside/a', Body: 'x' }))
    await s3.client.send(new PutObjectCommand({ Bucket: 'box', Key: 'basement', Body: 'x' }))
    await s3.client.send(new CreateBucketCommand({ Bucket: 'hidden' })).catch(() => {})
    const key = await s3.world.issue({ basePath: '/box/base' })
    const client = s3.clientOf(key)
    const { Buckets } = await client.send(new ListBucketsCommand({}))
    expect(Buckets?.map(({ Name }) => Name)).toEqual(['box'])
    const listed = async (more: object = {}) => {
      const page = await client.send(new ListObjectsV2Command({ Bucket: 'box', ...more }))
      return [
        ...(page.Contents ?? []).map(({ Key }) => Key),
        ...(page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix),
      ]
    }
    expect(await listed()).toEqual(['base/inside/a'])
    expect(await listed({ Delimiter: '/' })).toEqual(['base/'])
    expect(await listed({ Prefix: 'outside/' })).toEqual([])
    expect(await listed({ Prefix: 'base/', Delimiter: '/' })).toEqual(['base/inside/'])
    const object = (Key: string) => ({ Bucket: 'box', Key })
    expect(await errorOf(client.send(new HeadBucketCommand({ Bucket: 'box' })))).toBe('ok')
    expect(await errorOf(client.send(new HeadBucketCommand({ Bucket: 'hidden' })))).toBe('NotFound')
    expect(await errorOf(client.send(new ListObjectsV2Command({ Bucket: 'hidden' })))).toBe('NoSuchBucket')
    expect(await errorOf(client.send(new GetObjectCommand(object('outside/a'))))).toBe('NoSuchKey')
    expect(await errorOf(client.send(new GetObjectCommand(object('basement'))))).toBe('NoSuchKey')
    expect(await errorOf(client.send(new PutObjectCommand({ ...object('base/new/b'), Body: 'x' })))).toBe(
      'ok',
    )
    expect(
      await errorOf(client.send(new PutObjectCommand({ ...object('elsewhere/b'), Body: 'x' }))),
    ).not.toBe('ok')
    expect(await readdir(join(s3.world.root, 'box'))).not.toContain('elsewhere')
    expect(await errorOf(client.send(new DeleteObjectCommand(object('base/new/b'))))).toBe('ok')
    await errorOf(client.send(new DeleteObjectCommand(object('outside/a'))))
    expect(await readdir(join(s3.world.root, 'box/outside'))).toEqual(['a'])
  })

  test('S: folders.read decides about ListBuckets, folders.write and folders.purge about buckets', async () => {
    const files = ['s3', 'files.list', 'files.read', 'files.write', 'files.delete'] as const
    const of = async (...scopes: readonly Scope[]) =>
      s3.clientOf(await s3.world.issue({ scopes: scopesOf(...files, ...scopes) }))
    const plain = await of()
    expect(await errorOf(plain.send(new ListBucketsCommand({})))).toBe('AccessDenied')
    expect(await errorOf(plain.send(new HeadBucketCommand({ Bucket: 'box' })))).toBe('ok')
    expect(await errorOf(plain.send(new CreateBucketCommand({ Bucket: 'made-1' })))).toBe('AccessDenied')
    const reader = await of('folders.read')
    expect((await reader.send(new ListBucketsCommand({}))).Buckets).not.toEqual([])
    expect(await errorOf(reader.send(new CreateBucketCommand({ Bucket: 'made-1' })))).toBe('AccessDenied')
    const maker = await of('folders.read', 'folders.write')
    expect(await errorOf(maker.send(new CreateBucketCommand({ Bucket: 'made-1' })))).toBe('ok')
    expect(await errorOf(plain.send(new DeleteBucketCommand({ Bucket: 'made-1' })))).toBe('AccessDenied')
    expect(await errorOf(maker.send(new DeleteBucketCommand({ Bucket: 'made-1' })))).toBe('ok')
    const tagging = { Bucket: 'box', Tagging: { TagSet: [{ Key: 'a', Value: '1' }] } }
    expect(await errorOf(reader.send(new PutBucketTaggingCommand(tagging)))).toBe('AccessDenied')
    expect(await errorOf(maker.send(new PutBucketTaggingCommand(tagging)))).toBe('ok')
    const { TagSet } = await reader.send(new GetBucketTaggingCommand({ Bucket: 'box' }))
    expect(TagSet).toEqual(tagging.Tagging.TagSet)
    await maker.send(new DeleteBucketTaggingCommand({ Bucket: 'box' }))
    expect(await errorOf(reader.send(new GetBucketTaggingCommand({ Bucket: 'box' })))).toBe('NoSuchTagSet')
  })

  test('S: deleting a bucket for good needs folders.purge with folders.write, and an administrator', async () => {
    const { id } = s3.world.site
    const [main] = await s3.world.folder.records.mounts.mountsOf(id)
    await changeMount(s3.world.identity, OPERATOR, id, main?.id ?? '', { trashDays: 0 })
    const all = ['s3', 'files.list', 'files.read', 'files.write', 'files.delete', 'files.purge'] as const
    const grants = [{ path: '/', rights: ALL_RIGHTS }]
    const of = async (role: 'administrator' | 'member', ...scopes: readonly Scope[]) =>
      s3.clientOf(await s3.world.issue({ role, grants, scopes: scopesOf(...all, ...scopes) }))
    await s3.client.send(new CreateBucketCommand({ Bucket: 'doomed' }))
    const refused = [
      await of('administrator'),
      await of('administrator', 'folders.read', 'folders.write'),
      await of('administrator', 'folders.read', 'folders.purge'),
      await of('member', 'folders.read', 'folders.write', 'folders.purge'),
    ]
    const bucket = { Bucket: 'doomed' }
    for (const client of refused) {
      expect(await errorOf(client.send(new DeleteBucketCommand(bucket)))).toBe('AccessDenied')
      expect(await errorOf(client.send(new HeadBucketCommand(bucket)))).toBe('ok')
    }
    const allowed = await of('administrator', 'folders.write', 'folders.purge')
    await allowed.send(new PutObjectCommand({ ...bucket, Key: 'a', Body: 'x' }))
    expect(await errorOf(allowed.send(new DeleteBucketCommand(bucket)))).toBe('BucketNotEmpty')
    await allowed.send(new DeleteObjectCommand({ ...bucket, Key: 'a' }))
    expect(await errorOf(allowed.send(new DeleteBucketCommand(bucket)))).toBe('ok')
    expect(await errorOf(s3.client.send(new HeadBucketCommand(bucket)))).toBe('NotFound')
    await changeMount(s3.world.identity, OPERATOR, id, main?.id ?? '', { trashDays: 30 })
  })

  test('S2: the storage list decides which buckets there are', async () => {
    const { id } = s3.world.site
    const [main] = await s3.world.folder.records.mounts.mountsOf(id)
    const folder = join(s3.world.root, '../second-storage')
    await mkdir(folder)
    await addMount(s3.world.identity, OPERATOR, id, {
      path: '/second',
      folder,
      durable: false,
    })
    const key = await s3.world.issue()
    const buckets = async (used: S3Client) =>
      (await used.send(new ListBucketsCommand({}))).Buckets?.map((one) => one.Name)
    const client = s3.clientOf(key)
    expect(await buckets(client)).toEqual(expect.arrayContaining(['box', 'second']))
    await updateKey(s3.world.identity, OPERATOR, id, key.id, { storages: [main?.id ?? ''] })
    expect(await buckets(client)).not.toContain('second')
    expect(await errorOf(client.send(new HeadBucketCommand({ Bucket: 'second' })))).toBe('NotFound')
    expect(
      await errorOf(client.send(new PutObjectCommand({ Bucket: 'second', Key: 'a', Body: 'x' }))),
    ).not.toBe('ok')
  })
})
