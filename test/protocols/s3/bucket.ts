import type { Readable } from 'node:stream'
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3'
import type { S3World } from './world-s3.ts'

/** The everyday commands on the bucket `box`, with the client of the world that there is when they are called. */
export function bucketOf(world: () => Pick<S3World, 'client'>) {
  const Bucket = 'box'
  const put = (Key: string, Body: string | Buffer | Readable = 'x', more: object = {}) =>
    world().client.send(new PutObjectCommand({ Bucket, Key, Body, ...more }))
  /** With the whole body read: an unread one would hold its connection. */
  async function get(Key: string, more: object = {}) {
    const { Body, ...rest } = await world().client.send(new GetObjectCommand({ Bucket, Key, ...more }))
    const bytes = Buffer.from((await Body?.transformToByteArray()) ?? [])
    return { ...rest, bytes, text: bytes.toString() }
  }
  const head = (Key: string, more: object = {}) =>
    world().client.send(new HeadObjectCommand({ Bucket, Key, ...more }))
  const textOf = async (Key: string, more: object = {}) => (await get(Key, more)).text
  const list = async (more: object = {}) =>
    (await world().client.send(new ListObjectsV2Command({ Bucket, ...more }))).Contents ?? []
  const keys = async (more: object = {}) => (await list(more)).map(({ Key }) => Key)
  const remove = (Key: string, more: object = {}) =>
    world().client.send(new DeleteObjectCommand({ Bucket, Key, ...more }))
  const copy = (from: string, Key: string, more: object = {}) =>
    world().client.send(new CopyObjectCommand({ Bucket, Key, CopySource: `box/${from}`, ...more }))
  return { put, get, head, textOf, list, keys, remove, copy }
}
