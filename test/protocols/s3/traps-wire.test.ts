import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { CreateBucketCommand } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { codeOf } from './wire.ts'
import { type S3World, startS3World } from './world-s3.ts'

let s3: S3World
beforeAll(async () => {
  s3 = await startS3World()
  await s3.client.send(new CreateBucketCommand({ Bucket: 'box' }))
})
afterAll(() => s3[Symbol.asyncDispose]())

const PATIENT = { timeout: 10_000 }

describe('S3 bodies on the wire', () => {
  test('check 38: Expect with a bad signature is 403 without 100, the body unread', async () => {
    const headers = {
      ...(await s3.wire.sign('PUT', '/box/expect', {}, { ...s3.key, secretAccessKey: 'wrong' })),
      expect: '100-continue',
      'content-length': '5',
    }
    const answer = await s3.wire.send('PUT', '/box/expect', headers, 'hello')
    expect([answer.status, answer.continued]).toEqual([403, false])
  })

  test('Expect with a good signature is continued', async () => {
    const headers = {
      ...(await s3.wire.sign('PUT', '/box/expect', {})),
      expect: '100-continue',
      'content-length': '5',
    }
    const answer = await s3.wire.send('PUT', '/box/expect', headers, 'hello')
    expect([answer.status, answer.continued]).toEqual([200, true])
  })

  test('trap 8: a body that is not what was signed', async () => {
    const sha256 = createHash('sha256').update('good').digest('hex')
    const put = (body: string) => s3.wire.signed('PUT', '/box/hash', { 'x-amz-content-sha256': sha256 }, body)
    expect((await put('good')).status).toBe(200)
    expect(codeOf(await put('evil'))).toBe('XAmzContentSHA256Mismatch')
    expect((await s3.wire.signed('GET', '/box/hash')).text).toBe('good')
  })

  test('check 22: signed chunks with one byte flipped are 403 and the object stays absent', async () => {
    const headers = await s3.wire.sign('PUT', '/box/flipped', {
      'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
      'x-amz-decoded-content-length': '5',
    })
    const body = `5;chunk-signature=${'0'.repeat(64)}\r\nhello\r\n0;chunk-signature=${'0'.repeat(64)}\r\n\r\n`
    const answer = await s3.wire.send('PUT', '/box/flipped', headers, body)
    expect([answer.status, codeOf(answer)]).toEqual([403, 'SignatureDoesNotMatch'])
    expect((await s3.wire.signed('HEAD', '/box/flipped')).status).toBe(404)
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
    expect(codeOf(await s3.wire.signed('PUT', '/box/trailer', headers, body('AAAAAA==')))).toBe('BadDigest')
    expect((await s3.wire.signed('HEAD', '/box/trailer')).status).toBe(404)
    const good = await s3.wire.signed('PUT', '/box/trailer', headers, body('y/Q5Jg=='))
    expect([good.status, good.headers['x-amz-checksum-crc32']]).toEqual([200, 'y/Q5Jg=='])
    const head = await s3.wire.signed('HEAD', '/box/trailer')
    expect(head.headers['content-encoding']).toBeUndefined()
    expect(head.headers['content-length']).toBe('9')
  })

  test('trap 17: an upload that breaks off leaves nothing', async () => {
    const headers = { ...(await s3.wire.sign('PUT', '/box/half/sent', {})), 'content-length': '1000' }
    const socket = connect(s3.port, '127.0.0.1')
    const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    socket.write(`PUT /box/half/sent HTTP/1.1\r\n${head.join('')}\r\nonly a part`)
    const folder = join(s3.world.root, 'box/half')
    await expect.poll(() => exists(folder), PATIENT).toBe(true)
    socket.destroy()
    await expect.poll(() => exists(folder), PATIENT).toBe(false)
  })

  test('trap 19: a refused request does not desync its connection', async () => {
    const answers = await s3.wire.raw(
      ...[
        `PUT /box/x HTTP/1.1\r\nHost: a\r\nContent-Length: 32\r\n\r\nGET /smuggled HTTP/1.1\r\nA: b\r\n\r\n`,
        `HEAD /box HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
      ],
    )
    expect(answers.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 403', 'HTTP/1.1 403'])
    expect(answers).not.toContain('smuggled')
  })

  test('garbage is answered and harms nobody', async () => {
    expect(await s3.wire.raw(...['\x00\xff\x16garbage\r\n\r\n'])).toMatch(/^HTTP\/1\.1 400/)
    expect((await s3.wire.signed('GET', '/')).status).toBe(200)
  })

  test('check 9: a presigned PUT ignores the checksum of an empty body in its query', async () => {
    const query = 'x-amz-checksum-crc32=AAAAAA%3D%3D&x-amz-sdk-checksum-algorithm=CRC32&x-id=PutObject'
    const url = await s3.wire.presign('PUT', `/box/presigned?${query}`)
    const answer = await s3.wire.send('PUT', url, {}, 'a body')
    expect(answer.status).toBe(200)
  })
})

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
