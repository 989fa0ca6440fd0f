import { mkdir, readdir, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { DeleteObjectsCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { Client as FtpClient } from 'basic-ftp'
import ssh2 from 'ssh2'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DOORS, type DoorName } from '#permissions/conditions.ts'
import { type Random, seededRandom } from '../seeded.ts'
import { startWorld, type World, type WorldKey } from '../world.ts'
import { timeBoxed } from './box.ts'
import { mutate } from './mutate.ts'
import { recordClient, throwAt } from './wire.ts'

let world: World
let key: WorldKey
let random: Random
const ports = new Map<DoorName, number>()

beforeAll(async () => {
  world = await startWorld()
  key = await world.issue()
  random = seededRandom()
  await mkdir(join(world.root, 'bucket'))
  await putBack()
  for (const door of DOORS) ports.set(door, (await world.start(door)).port)
})

afterAll(() => world[Symbol.asyncDispose]())

/** In one step: a request that came before may be reading it still. */
async function putBack(): Promise<void> {
  const next = join(world.root, 'kept-next')
  await writeFile(next, 'kept')
  await rename(next, join(world.root, 'bucket/kept'))
}

function portOf(door: DoorName): number {
  const port = ports.get(door)
  if (port === undefined) throw new Error(`no door ${door}`)
  return port
}

function basic(): string {
  return `Basic ${Buffer.from(`${key.login}:${key.value}`).toString('base64')}`
}

const WEBDAV: readonly [string, string, Record<string, string>, string?][] = [
  ['GET', '/bucket/kept', { range: 'bytes=0-1,2-3', 'if-none-match': '"x"' }],
  ['PUT', '/bucket/a%20b', { 'content-range': 'bytes 0-4/5', 'x-oc-mtime': '1700000000' }, 'hello'],
  [
    'PROPFIND',
    '/bucket',
    { depth: '1' },
    '<D:propfind xmlns:D="DAV:"><D:prop><D:getetag/></D:prop></D:propfind>',
  ],
  [
    'PROPPATCH',
    '/bucket/kept',
    {},
    '<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><x xmlns="urn:x">1</x></D:prop></D:set></D:propertyupdate>',
  ],
  [
    'LOCK',
    '/bucket/l',
    { timeout: 'Second-5', depth: '0' },
    '<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:shared/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>',
  ],
  ['COPY', '/bucket/kept', { destination: '/bucket/copy', overwrite: 'T', if: '(Not <DAV:no-lock>)' }],
  ['MOVE', '/bucket/copy', { destination: '/bucket/moved', depth: 'infinity' }],
  ['MKCOL', '/bucket/folder', {}],
  ['DELETE', '/bucket/folder', {}],
]

async function webdavTraffic(port: number): Promise<void> {
  for (const [method, path, headers, body] of WEBDAV) {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      headers: { ...headers, authorization: basic() },
      body: body ?? null,
    })
    await response.arrayBuffer()
  }
}

async function s3Traffic(port: number): Promise<void> {
  const client = new S3Client({
    endpoint: `http://127.0.0.1:${port}`,
    region: 'local',
    forcePathStyle: true,
    maxAttempts: 1,
    credentials: { accessKeyId: key.accessKeyId, secretAccessKey: key.secretAccessKey },
  })
  const Body = Readable.from([Buffer.alloc(70_000, 'x'), Buffer.alloc(10_000, 'y')])
  await client.send(new PutObjectCommand({ Bucket: 'bucket', Key: 'streamed', Body, ContentLength: 80_000 }))
  await client.send(
    new PutObjectCommand({ Bucket: 'bucket', Key: 'plain +ü', Body: 'x', Metadata: { a: 'b' } }),
  )
  const Delete = { Objects: [{ Key: 'streamed' }, { Key: 'plain +ü' }] }
  await client.send(new DeleteObjectsCommand({ Bucket: 'bucket', Delete }))
  client.destroy()
}

async function restTraffic(port: number): Promise<void> {
  const headers = { authorization: `Bearer ${key.value}`, 'content-type': 'application/json' }
  const base = `http://127.0.0.1:${port}`
  await (await fetch(`${base}/api/test/api-key`, { headers })).arrayBuffer()
  await (await fetch(`${base}/api/v1/keys?limit=2`, { headers })).arrayBuffer()
  const body = JSON.stringify({ name: 'fuzz', scopes: ['files.read'], expires_at: null })
  await (await fetch(`${base}/api/v1/keys`, { method: 'POST', headers, body })).arrayBuffer()
}

async function ftpTraffic(port: number): Promise<void> {
  const client = new FtpClient(5_000)
  await client.access({ host: '127.0.0.1', port, user: key.login, password: key.value })
  await client.uploadFrom(Readable.from(['hello']), '/bucket/f')
  await client.list('/bucket')
  for (const line of [
    'MLST /bucket',
    'SIZE /bucket/f',
    'REST 3',
    'OPTS UTF8 ON',
    'EPRT |1|127.0.0.1|2000|',
  ]) {
    await client.send(line, true)
  }
  await client.remove('/bucket/f')
  client.close()
}

function sshTraffic(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const client = new ssh2.Client()
    client.on('error', reject)
    client.on('close', () => resolve())
    client.on('ready', () => client.sftp((_, session) => session.readdir('/', () => client.end())))
    client.connect({ host: '127.0.0.1', port, username: key.login, password: key.value })
  })
}

const TRAFFIC: Readonly<Record<DoorName, (port: number) => Promise<void>>> = {
  webdav: webdavTraffic,
  s3: s3Traffic,
  rest: restTraffic,
  ftp: ftpTraffic,
  sftp: sshTraffic,
}

/** Another client's session: it must not notice. */
async function witness(): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${portOf('webdav')}/bucket/kept`, {
    headers: { authorization: basic() },
    signal: AbortSignal.timeout(5_000),
  })
  expect(response.status).toBe(200)
  await response.arrayBuffer()
}

const AT_ONCE = 8

describe('hostile bytes: mutated captures of real clients', () => {
  for (const door of DOORS) {
    test(`${door}: no crash, no internal error, nobody else is harmed, nothing leaves the mount`, async () => {
      const outside = await readdir(dirname(world.root))
      world.logs.length = 0
      const captures = await recordClient(portOf(door), TRAFFIC[door])
      expect(captures.length).toBeGreaterThan(0)
      const count = await timeBoxed(async () => {
        const inputs = Array.from({ length: AT_ONCE }, () => mutate(random.pick(captures), random))
        await Promise.all(inputs.map((input) => throwAt(portOf(door), input, random)))
        await putBack()
        await witness()
      })
      console.log(`${door}: ${count * AT_ONCE} inputs`)
      expect(world.logs.filter(({ level }) => level === 'error')).toEqual([])
      expect(await readdir(dirname(world.root))).toEqual(outside)
    })
  }
})
