import { createHash, randomBytes } from 'node:crypto'
import { readdir, readFile, stat } from 'node:fs/promises'
import { Agent } from 'node:http'
import { join } from 'node:path'
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { expect, test } from 'vitest'
import { startServer } from '../clients/server.ts'

const PART_BYTES = 5 * 1024 * 1024
const PARTS = 7
const LAST_BYTES = 1_234_567

test('parts that both workers receive, the short last one first, are one object', async () => {
  await using server = await startServer({ workers: 2 })
  const { demo } = server
  const client = new S3Client({
    endpoint: demo.s3,
    region: demo.region,
    forcePathStyle: true,
    credentials: { accessKeyId: demo.access_key_id, secretAccessKey: demo.secret_access_key },
    // Each request on a connection of its own: they go to the workers in turn.
    requestHandler: { httpAgent: new Agent({ keepAlive: false }) },
  })
  const at = { Bucket: 'demo', Key: 'big' }
  const bytes = randomBytes(PART_BYTES * (PARTS - 1) + LAST_BYTES)
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(at))
  const upload = async (number: number) => {
    const Body = bytes.subarray((number - 1) * PART_BYTES, number * PART_BYTES)
    const { ETag } = await client.send(new UploadPartCommand({ ...at, UploadId, PartNumber: number, Body }))
    return { PartNumber: number, ETag }
  }
  const last = await upload(PARTS)
  const others = await Promise.all(Array.from({ length: PARTS - 1 }, (_, index) => upload(index + 1)))
  const MultipartUpload = { Parts: [...others, last] }
  const refused = new CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload, IfMatch: '"none"' })
  await expect(client.send(refused)).rejects.toMatchObject({ name: 'NoSuchKey' })
  await client.send(new CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload }))
  const path = join(server.files, 'demo/big')
  const sum = (content: Buffer) => createHash('sha256').update(content).digest('hex')
  expect(sum(await readFile(path))).toBe(sum(bytes))
  await expect.poll(async () => (await stat(path)).nlink).toBe(1)
  expect(await readdir(join(server.files, '.latchkey/multipart'))).toEqual([])
  client.destroy()
})
