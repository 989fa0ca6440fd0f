import { createHash } from 'node:crypto'
import { readdir, stat, writeFile } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import {
  CreateBucketCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3'
import { SignatureV4 } from '@smithy/signature-v4'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { rightsOf } from '#permissions/grants.ts'
import { ALL_SCOPES, scopesOf } from '#permissions/scopes.ts'
import { Sha256 } from './sha256.ts'
import { errorOf, type S3World, startS3World } from './world-s3.ts'

let s3: S3World
beforeAll(async () => {
  s3 = await startS3World()
  await s3.client.send(new CreateBucketCommand({ Bucket: 'box' }))
})
afterAll(() => s3[Symbol.asyncDispose]())

type Answer = {
  status: number
  headers: Record<string, string | string[] | undefined>
  text: string
  continued: boolean
}

async function signedHeaders(
  method: string,
  path: string,
  headers: Record<string, string>,
  secret = s3.key.secretAccessKey,
) {
  const [pathname = '', search = ''] = path.split('?')
  const signer = new SignatureV4({
    credentials: { accessKeyId: s3.key.accessKeyId, secretAccessKey: secret },
    region: 'local',
    service: 's3',
    sha256: Sha256,
    uriEscapePath: false,
  })
  const host = `127.0.0.1:${s3.port}`
  const signed = await signer.sign({
    method,
    protocol: 'http:',
    hostname: '127.0.0.1',
    path: pathname,
    query: Object.fromEntries(new URLSearchParams(search)),
    headers: { host, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD', ...headers },
  })
  return signed.headers
}

function send(
  method: string,
  path: string,
  headers: Record<string, string>,
  body: string | null = null,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let continued = false
    const request = httpRequest(
      { host: '127.0.0.1', port: s3.port, method, path, headers, agent: false },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text: Buffer.concat(chunks).toString(),
            continued,
          }),
        )
      },
    )
    request.on('continue', () => {
      continued = true
      request.end(body)
    })
    request.on('error', reject)
    if (headers.expect === undefined) request.end(body ?? undefined)
    else request.flushHeaders()
  })
}

async function signedSend(
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body: string | null = null,
) {
  return send(method, path, await signedHeaders(method, path, headers), body)
}

const codeOf = ({ text }: Answer) => /<Code>(.*?)<\/Code>/.exec(text)?.[1]

describe('S3 refusals', () => {
  test('nothing presented is AccessDenied, every wrong signature SignatureDoesNotMatch', async () => {
    const none = await send('GET', '/', {})
    expect([none.status, codeOf(none)]).toEqual([403, 'AccessDenied'])
    const list = (accessKeyId: string, secretAccessKey: string) =>
      errorOf(s3.clientOf({ ...s3.key, accessKeyId, secretAccessKey }).send(new ListBucketsCommand({})))
    expect(await list(s3.key.accessKeyId, 'wrong')).toBe('SignatureDoesNotMatch')
    expect(await list('AKIANOBODY', s3.key.secretAccessKey)).toBe('SignatureDoesNotMatch')
    const disabled = await s3.world.issue()
    await s3.world.disable(disabled.id)
    expect(await list(disabled.accessKeyId, disabled.secretAccessKey)).toBe('SignatureDoesNotMatch')
  })

  test('an error has code, message, request id and host id, and its id is in the headers', async () => {
    const answer = await signedSend('GET', '/box/missing')
    expect(answer.status).toBe(404)
    expect(answer.text).toMatch(/^<\?xml .*<Error><Code>NoSuchKey<\/Code><Message>[^<]+<\/Message>/s)
    expect(answer.text).toContain(`<RequestId>${answer.headers['x-amz-request-id']}</RequestId>`)
    expect(answer.text).toMatch(/<HostId>[^<]+<\/HostId>/)
  })

  test('an error to HEAD has no body', async () => {
    const answer = await signedSend('HEAD', '/box/missing')
    expect([answer.status, answer.text]).toEqual([404, ''])
  })

  test('check 14: SigV2 is told what to use', async () => {
    const answer = await send('GET', '/box', { authorization: `AWS ${s3.key.accessKeyId}:abc=` })
    expect([answer.status, codeOf(answer)]).toEqual([400, 'InvalidRequest'])
    expect(answer.text).toContain('AWS4-HMAC-SHA256')
  })

  test.each([
    ['GET', '/box?analytics'],
    ['PUT', '/box?versioning'],
    ['PUT', '/box?policy'],
    ['POST', '/box'],
    ['POST', '/box/key?select'],
    ['PUT', '/box/key?retention'],
  ])('%s %s is a quick 501', async (method, path) => {
    const answer = await signedSend(method, path)
    expect([answer.status, codeOf(answer)]).toEqual([501, 'NotImplemented'])
  })

  test.each([
    ['policy', 'NoSuchBucketPolicy'],
    ['cors', 'NoSuchCORSConfiguration'],
    ['lifecycle', 'NoSuchLifecycleConfiguration'],
    ['tagging', 'NoSuchTagSet'],
  ])('GET ?%s is %s', async (name, code) => {
    expect(codeOf(await signedSend('GET', `/box?${name}`))).toBe(code)
  })

  test('access lists: what changes nothing is taken, other readers are not', async () => {
    expect((await signedSend('GET', '/box?acl')).text).toContain('FULL_CONTROL')
    expect((await signedSend('PUT', '/box?acl', { 'x-amz-acl': 'private' })).status).toBe(200)
    expect((await signedSend('PUT', '/box?acl', { 'x-amz-acl': 'public-read' })).status).toBe(501)
    const acl = (id: string) =>
      `<AccessControlPolicy><AccessControlList><Grant><Grantee><ID>${id}</ID></Grantee></Grant></AccessControlList></AccessControlPolicy>`
    expect((await signedSend('PUT', '/box?acl', {}, acl(s3.world.site.id))).status).toBe(200)
    expect((await signedSend('PUT', '/box?acl', {}, acl('somebody'))).status).toBe(501)
  })

  test('other methods and garbage in XML', async () => {
    expect((await signedSend('PATCH', '/box/key')).status).toBe(405)
    expect(codeOf(await signedSend('POST', '/box?delete', {}, '<Delete><Object>'))).toBe('MalformedXML')
    expect(
      codeOf(await signedSend('POST', '/box?delete', {}, '<!DOCTYPE x [<!ENTITY a "b">]><Delete/>')),
    ).toBe('MalformedXML')
    expect(codeOf(await signedSend('POST', '/box?delete', {}, ''))).toBe('MalformedXML')
  })
})

describe('S3 bodies on the wire', () => {
  test('check 38: Expect with a bad signature is 403 without 100, the body unread', async () => {
    const headers = {
      ...(await signedHeaders('PUT', '/box/expect', {}, 'wrong')),
      expect: '100-continue',
      'content-length': '5',
    }
    const answer = await send('PUT', '/box/expect', headers, 'hello')
    expect([answer.status, answer.continued]).toEqual([403, false])
  })

  test('Expect with a good signature is continued', async () => {
    const headers = {
      ...(await signedHeaders('PUT', '/box/expect', {})),
      expect: '100-continue',
      'content-length': '5',
    }
    const answer = await send('PUT', '/box/expect', headers, 'hello')
    expect([answer.status, answer.continued]).toEqual([200, true])
  })

  test('trap 8: a body that is not what was signed', async () => {
    const sha256 = createHash('sha256').update('good').digest('hex')
    const put = (body: string) => signedSend('PUT', '/box/hash', { 'x-amz-content-sha256': sha256 }, body)
    expect((await put('good')).status).toBe(200)
    expect(codeOf(await put('evil'))).toBe('XAmzContentSHA256Mismatch')
    expect((await signedSend('GET', '/box/hash')).text).toBe('good')
  })

  test('check 22: signed chunks with one byte flipped are 403 and the object stays absent', async () => {
    const headers = await signedHeaders('PUT', '/box/flipped', {
      'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
      'x-amz-decoded-content-length': '5',
    })
    const body = `5;chunk-signature=${'0'.repeat(64)}\r\nhello\r\n0;chunk-signature=${'0'.repeat(64)}\r\n\r\n`
    const answer = await send('PUT', '/box/flipped', headers, body)
    expect([answer.status, codeOf(answer)]).toEqual([403, 'SignatureDoesNotMatch'])
    expect((await signedSend('HEAD', '/box/flipped')).status).toBe(404)
  })

  test('check 5: unsigned chunks with a corrupted trailer; without Content-Length a right one is taken', async () => {
    const headers = {
      'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
      'x-amz-trailer': 'x-amz-checksum-crc32',
      'x-amz-decoded-content-length': '9',
      'content-encoding': 'aws-chunked',
      'transfer-encoding': 'chunked',
    }
    const body = (crc: string) => `9\r\n123456789\r\n0\r\nx-amz-checksum-crc32:${crc}\r\n\r\n`
    expect(codeOf(await signedSend('PUT', '/box/trailer', headers, body('AAAAAA==')))).toBe('BadDigest')
    expect((await signedSend('HEAD', '/box/trailer')).status).toBe(404)
    const good = await signedSend('PUT', '/box/trailer', headers, body('y/Q5Jg=='))
    expect([good.status, good.headers['x-amz-checksum-crc32']]).toEqual([200, 'y/Q5Jg=='])
    const head = await signedSend('HEAD', '/box/trailer')
    expect(head.headers['content-encoding']).toBeUndefined()
    expect(head.headers['content-length']).toBe('9')
  })

  test('trap 17: an upload that breaks off leaves nothing', async () => {
    const headers = { ...(await signedHeaders('PUT', '/box/half/sent', {})), 'content-length': '1000' }
    const socket = connect(s3.port, '127.0.0.1')
    const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    socket.write(`PUT /box/half/sent HTTP/1.1\r\n${head.join('')}\r\nonly a part`)
    const folder = join(s3.world.root, 'box/half')
    await expect.poll(() => exists(folder)).toBe(true)
    socket.destroy()
    await expect.poll(() => exists(folder)).toBe(false)
  })

  test('trap 19: a refused request does not desync its connection', async () => {
    const answers = await overOneSocket([
      `PUT /box/x HTTP/1.1\r\nHost: a\r\nContent-Length: 32\r\n\r\nGET /smuggled HTTP/1.1\r\nA: b\r\n\r\n`,
      `HEAD /box HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
    ])
    expect(answers.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 403', 'HTTP/1.1 403'])
    expect(answers).not.toContain('smuggled')
  })

  test('garbage is answered and harms nobody', async () => {
    expect(await overOneSocket(['\x00\xff\x16garbage\r\n\r\n'])).toMatch(/^HTTP\/1\.1 400/)
    expect((await signedSend('GET', '/')).status).toBe(200)
  })

  test('check 9: a presigned PUT ignores the checksum of an empty body in its query', async () => {
    const signer = new SignatureV4({
      credentials: { accessKeyId: s3.key.accessKeyId, secretAccessKey: s3.key.secretAccessKey },
      region: 'local',
      service: 's3',
      sha256: Sha256,
      uriEscapePath: false,
    })
    const signed = await signer.presign({
      method: 'PUT',
      protocol: 'http:',
      hostname: '127.0.0.1',
      path: '/box/presigned',
      query: {
        'x-amz-checksum-crc32': 'AAAAAA==',
        'x-amz-sdk-checksum-algorithm': 'CRC32',
        'x-id': 'PutObject',
      },
      headers: { host: `127.0.0.1:${s3.port}`, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' },
    })
    const query = Object.entries(signed.query ?? {}).map(
      ([name, value]) => `${name}=${encodeURIComponent(String(value))}`,
    )
    const answer = await send('PUT', `/box/presigned?${query.join('&')}`, {}, 'a body')
    expect(answer.status).toBe(200)
  })
})

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
})

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}

function overOneSocket(messages: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(s3.port, '127.0.0.1')
    const chunks: Buffer[] = []
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.on('error', reject)
    socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1')))
    for (const message of messages) socket.write(message, 'latin1')
    socket.setTimeout(5_000, () => socket.destroy())
  })
}
