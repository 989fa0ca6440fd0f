import { createHash } from 'node:crypto'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  CompleteMultipartUploadCommand,
  type CompleteMultipartUploadCommandOutput,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { expect, test } from 'vitest'
import { type Server, startServer } from '../clients/server.ts'
import { type Random, seededRandom } from '../seeded.ts'
import { faultRounds } from './rounds.ts'
import { contentOf, versionIn } from './versions.ts'

const ROUNDS = 50
const PART_BYTES = 5 * 1024 * 1024
const Bucket = 'demo'
const Key = 'deep/er/object'

/** What the object may be after a crash. */
type Expected = { acked: number | null; asked: number | null }

function clientOf({ demo }: Server): S3Client {
  return new S3Client({
    endpoint: demo.s3,
    region: demo.region,
    maxAttempts: 1,
    forcePathStyle: true,
    credentials: { accessKeyId: demo.access_key_id, secretAccessKey: demo.secret_access_key },
  })
}

/** True when it was acknowledged; the server is killed after `delay` milliseconds whatever became of it. */
async function cutAfter(server: Server, delay: number, work: Promise<unknown>): Promise<boolean> {
  const done = work.then(
    () => true,
    () => false,
  )
  await sleep(delay)
  await server.stop('SIGKILL')
  return done
}

const md5Of = (bytes: Buffer) => createHash('md5').update(bytes)

function multipartEtag(bytes: Buffer): string {
  const parts: Buffer[] = []
  for (let start = 0; start < bytes.length; start += PART_BYTES)
    parts.push(md5Of(bytes.subarray(start, start + PART_BYTES)).digest())
  return `"${md5Of(Buffer.concat(parts)).digest('hex')}-${parts.length}"`
}

/** The object is the acknowledged or the asked one, whole, with its own ETag and metadata. */
async function check(client: S3Client, expected: Expected): Promise<void> {
  const answer = await client.send(new GetObjectCommand({ Bucket, Key })).catch((error: Error) => {
    if (error.name === 'NoSuchKey') return null
    throw error
  })
  const bytes = answer === null ? null : Buffer.from((await answer.Body?.transformToByteArray()) ?? [])
  const version = bytes === null ? null : versionIn(Key, bytes)
  if (bytes !== null && version === null) throw new Error('the object is cut or mixed')
  expect([expected.acked, expected.asked]).toContain(version)
  if (answer !== null && bytes !== null) {
    expect(answer.Metadata).toEqual({ version: `${version}` })
    const etag = answer.ETag?.includes('-') ? multipartEtag(bytes) : `"${md5Of(bytes).digest('hex')}"`
    expect(answer.ETag).toBe(etag)
  }
  expected.acked = version
  expected.asked = null
}

/** Nothing of dead processes in staging; parts of uploads that are still open, and no others. */
async function checkNoRubbish(server: Server, client: S3Client): Promise<void> {
  const staging = await readdir(join(server.files, '.latchkey/staging')).catch(() => [])
  const living = [server.pid, ...(await server.workers())]
  expect(staging.filter((name) => !living.some((pid) => name.startsWith(`${pid}.`)))).toEqual([])
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket }))
  const kept = await readdir(join(server.files, '.latchkey/multipart')).catch(() => [])
  const open = new Set(Uploads.map(({ UploadId }) => UploadId))
  expect(kept.filter((id) => !open.has(id))).toEqual([])
}

type Round = (server: Server, client: S3Client, expected: Expected, random: Random) => Promise<void>

async function rounds(run: Round): Promise<void> {
  const random = seededRandom()
  const dir = await mkdtemp(join(tmpdir(), 'latchkey-s3-kill-'))
  const expected: Expected = { acked: null, asked: null }
  const seen = { old: 0, new: 0 }
  try {
    for (let round = 0; round <= faultRounds(ROUNDS); round++) {
      const server = await startServer({ dir })
      const client = clientOf(server)
      const { asked } = expected
      await check(client, expected)
      await checkNoRubbish(server, client)
      if (round > 0) seen[expected.acked === asked ? 'new' : 'old'] += 1
      if (round < faultRounds(ROUNDS)) await run(server, client, expected, random)
      else await server.stop()
      client.destroy()
    }
    console.log(
      `after ${faultRounds(ROUNDS)} kills the object was ${seen.old} times the old, ${seen.new} times the new`,
    )
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

test('check 36: kill -9 during PUT leaves the old object or the new one, whole', async () => {
  let version = 0
  await rounds(async (server, client, expected, random) => {
    expected.asked = ++version
    const Body = contentOf(Key, version, random.between(64, 24_000_000))
    const put = new PutObjectCommand({ Bucket, Key, Body, Metadata: { version: `${version}` } })
    const acknowledged = await cutAfter(server, random.between(1, 300), client.send(put))
    if (acknowledged) expected.acked = expected.asked
  })
})

type Open = { readonly UploadId: string; readonly Parts: readonly object[]; readonly version: number }

test('check 36: kill -9 during Complete leaves the old object or the new one, and a retry tells', async () => {
  let version = 0
  let open: Open | null = null
  const complete = (
    client: S3Client,
    { UploadId, Parts }: Open,
  ): Promise<CompleteMultipartUploadCommandOutput> =>
    client.send(
      new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts: [...Parts] } }),
    )
  await rounds(async (server, client, expected, random) => {
    if (open !== null) {
      const { ETag } = await complete(client, open)
      expected.asked = open.version
      await check(client, expected)
      expect(ETag).toBe(multipartEtag(contentOf(Key, open.version, PART_BYTES * 2 + 1_000)))
      expect(expected.acked).toBe(open.version)
      await checkNoRubbish(server, client)
    }
    open = await upload(client, ++version)
    expected.asked = version
    const acknowledged = await cutAfter(server, random.between(0, 80), complete(client, open))
    if (acknowledged) expected.acked = version
  })
})

async function upload(client: S3Client, version: number): Promise<Open> {
  const Metadata = { version: `${version}` }
  const { UploadId = '' } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key, Metadata }))
  const bytes = contentOf(Key, version, PART_BYTES * 2 + 1_000)
  const Parts: object[] = []
  for (let PartNumber = 1; (PartNumber - 1) * PART_BYTES < bytes.length; PartNumber++) {
    const Body = bytes.subarray((PartNumber - 1) * PART_BYTES, PartNumber * PART_BYTES)
    const { ETag } = await client.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body }))
    Parts.push({ PartNumber, ETag })
  }
  return { UploadId, Parts, version }
}
