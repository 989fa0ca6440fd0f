import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { DeleteObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { Client as FtpClient } from 'basic-ftp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startWebdavDoor } from '#protocols/webdav/door.ts'
import { createCore } from '#server/core.ts'
import { errorOf } from '#test/protocols/s3/world-s3.ts'
import { connect } from '#test/protocols/sftp/client.ts'
import { type Client, clientOf, type DavWorld, startDavWorld } from './client.ts'

let started: DavWorld
let dav: Client

beforeAll(async () => {
  started = await startDavWorld()
  dav = started.dav
  await dav('MKCOL', '/team')
  await dav('PUT', '/team/report', { body: 'first' })
})
afterAll(() => started[Symbol.asyncDispose]())

const INFO =
  '<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>'

async function lock(path: string, client = dav, headers: Record<string, string> = {}): Promise<string> {
  const answer = await client('LOCK', path, { body: INFO, headers: { depth: '0', ...headers } })
  return String(answer.headers['lock-token'])
}

const unlock = (path: string, token: string) => dav('UNLOCK', path, { headers: { 'lock-token': token } })
const onDisk = () => readFile(join(started.world.root, 'team/report'), 'utf8')

describe('a WebDAV lock', () => {
  it('makes writes through SFTP fail with status 4, and lets them be once it is gone', async () => {
    const { port } = await started.world.start('sftp')
    const client = await connect(port, started.key)
    const sftp = await promisify(client.sftp.bind(client))()
    const settled = (act: (done: (error?: Error | null) => void) => void) => promisify(act)()
    const write = (path: string, text: string) => settled((done) => sftp.writeFile(path, text, done))
    const unlink = (path: string) => settled((done) => sftp.unlink(path, done))
    const rename = (from: string, to: string) => settled((done) => sftp.rename(from, to, done))
    const token = await lock('/team/report')
    await expect(write('/team/report', 'sftp')).rejects.toMatchObject({ code: 4 })
    await expect(unlink('/team/report')).rejects.toMatchObject({ code: 4 })
    await expect(rename('/team/report', '/team/other')).rejects.toMatchObject({ code: 4 })
    expect(await onDisk()).toBe('first')
    await unlock('/team/report', token)
    await write('/team/report', 'first')
    client.end()
  })

  it('makes STOR, DELE and RNTO through FTP fail with 450', async () => {
    const { port } = await started.world.start('ftp')
    const ftp = new FtpClient()
    const { login: user, value: password } = started.key
    await ftp.access({ host: '127.0.0.1', port, user, password })
    const token = await lock('/team/report')
    await expect(ftp.uploadFrom(Readable.from(['ftp']), '/team/report')).rejects.toMatchObject({ code: 450 })
    await expect(ftp.remove('/team/report')).rejects.toMatchObject({ code: 450 })
    await expect(ftp.rename('/team/report', '/team/other')).rejects.toMatchObject({ code: 450 })
    expect(await onDisk()).toBe('first')
    await unlock('/team/report', token)
    ftp.close()
  })

  it('makes PutObject and DeleteObject through S3 fail with 409', async () => {
    const { port } = await started.world.start('s3')
    const { accessKeyId, secretAccessKey } = started.key
    const s3 = new S3Client({
      endpoint: `http://127.0.0.1:${port}`,
      region: 'local',
      maxAttempts: 1,
      forcePathStyle: true,
      credentials: { accessKeyId, secretAccessKey },
    })
    const object = { Bucket: 'team', Key: 'report' }
    const put = () => s3.send(new PutObjectCommand({ ...object, Body: 's3' }))
    const token = await lock('/team/report')
    await expect(put()).rejects.toMatchObject({ $metadata: { httpStatusCode: 409 } })
    await expect(s3.send(new DeleteObjectCommand(object))).rejects.toMatchObject({
      $metadata: { httpStatusCode: 409 },
    })
    expect(await onDisk()).toBe('first')
    await unlock('/team/report', token)
    expect(await errorOf(put())).toBe('ok')
    s3.destroy()
  })

  it('is bound to its key: the token alone does not help another one', async () => {
    await dav('PUT', '/team/mine', { body: 'x' })
    const token = await lock('/team/mine')
    const other = await started.other()
    const given = { headers: { if: `(${token})` }, body: 'y' }
    expect((await other('PUT', '/team/mine', given)).status).toBe(423)
    expect((await other('UNLOCK', '/team/mine', { headers: { 'lock-token': token } })).status).toBe(403)
    expect((await dav('PUT', '/team/mine', given)).status).toBe(204)
    await unlock('/team/mine', token)
  })

  it('binds another process of the same server, with its properties, and expires there too', async () => {
    const { world, key } = started
    await dav('PUT', '/team/kept', { body: 'x' })
    const patch =
      '<propertyupdate xmlns="DAV:"><set><prop><x xmlns="urn:x">kept</x></prop></set></propertyupdate>'
    await dav('PROPPATCH', '/team/kept', { body: patch })
    const token = await lock('/team/kept', dav, { timeout: 'Second-600' })
    const log = { debug() {}, info() {}, warn() {}, error() {} }
    const { clock, folder } = world
    await using core = await createCore(folder, { clock, log, revocationGrace: 30_000 })
    const listener = { address: '127.0.0.1', port: 0, siteId: null }
    const door = await startWebdavDoor(core.gate, { listener, log, clock })
    const again = clientOf(door.port, key)
    expect((await again('PUT', '/team/kept', { body: 'y' })).status).toBe(423)
    expect((await again('PROPFIND', '/team/kept', { headers: { depth: '0' } })).text).toContain('kept</x>')
    const given = { body: 'y', headers: { if: `(${token})` } }
    expect((await again('PUT', '/team/kept', given)).status).toBe(204)
    clock.advance(601_000)
    expect((await again('PUT', '/team/kept', { body: 'z' })).status).toBe(204)
    await door.stop(AbortSignal.abort())
  })

  it('that comes during an upload is found when the upload is to take effect', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const body = new ReadableStream({
      async start(controller) {
        controller.enqueue(Buffer.from('late'))
        await promise
        controller.close()
      },
    })
    const sending = fetch(`http://127.0.0.1:${dav.port}/team/report`, {
      method: 'PUT',
      headers: { authorization: dav.authorization },
      body,
      duplex: 'half',
    } as RequestInit)
    await new Promise((done) => setTimeout(done, 100))
    const token = await lock('/team/report')
    resolve()
    expect((await sending).status).toBe(423)
    await unlock('/team/report', token)
  })
})
