import { CreateBucketCommand } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fileOf, postForm, signedFields } from './forms.ts'
import type { Headers } from './wire.ts'
import { type S3World, startS3World } from './world-s3.ts'

let s3: S3World
beforeAll(async () => {
  s3 = await startS3World()
  await s3.client.send(new CreateBucketCommand({ Bucket: 'box' }))
})
afterAll(() => s3[Symbol.asyncDispose]())

async function refusals(): Promise<string[]> {
  const page = { limit: 500, after: null, order: 'newest' } as const
  const filter = { siteId: null, action: 'login', outcome: 'refused' } as const
  const entries = await s3.world.folder.records.audit.search(filter, page)
  return entries.map(({ reason, door, address, subject }) => `${reason} ${door} ${address} ${subject}`.trim())
}

const agent = (name: string): Headers => ({ 'user-agent': name })

describe('R3: what the S3 door refuses by itself is in the audit', () => {
  test('malformed, skewed, expired and outdated signatures, each with its reason', async () => {
    const bad = 'AWS4-HMAC-SHA256 Credential=nonsense, SignedHeaders=host, Signature=00'
    await s3.wire.send('GET', '/', {
      ...agent('malformed'),
      authorization: bad,
      'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
      'x-amz-date': '20261122T000000Z',
    })
    const early = await s3.wire.sign('GET', '/', {}, s3.key, s3.world.clock.now() - 20 * 60_000)
    await s3.wire.send('GET', '/', { ...early, ...agent('skewed') })
    const url = await s3.wire.presign('GET', '/box/x', { expiresIn: 1, at: s3.world.clock.now() - 5_000 })
    await s3.wire.send('GET', url, agent('expired'))
    await s3.wire.send('GET', '/', { ...agent('version 2'), authorization: `AWS ${s3.key.accessKeyId}:c2ln` })
    const form = [...signedFields(s3.key), fileOf('x')].filter(({ name }) => name !== 'x-amz-date')
    await postForm(s3.wire, form)
    const found = await refusals()
    expect(found).toEqual(
      expect.arrayContaining([
        'malformed_signature s3 127.0.0.1 malformed',
        'skewed_signature s3 127.0.0.1 skewed',
        'expired_signature s3 127.0.0.1 expired',
        'unsupported_signature s3 127.0.0.1 version 2',
        'malformed_signature s3 127.0.0.1',
      ]),
    )
  })

  test('check 17: the clock of the door is what counts', async () => {
    s3.world.clock.advance(20 * 60_000)
    const answer = await s3.wire.signed('GET', '/')
    expect([answer.status, answer.text]).toEqual([403, expect.stringContaining('RequestTimeTooSkewed')])
    s3.world.clock.advance(-20 * 60_000)
    expect((await s3.wire.signed('GET', '/')).status).toBe(200)
  })

  test('a flood of them is one entry and a count', async () => {
    const before = (await refusals()).length
    for (let index = 0; index < 200; index++) {
      await s3.wire.send('GET', '/', { ...agent('flood'), authorization: 'AWS flood:c2ln' })
    }
    expect((await refusals()).length - before).toBe(1)
  })

  test('a request that presents nothing is no login', async () => {
    const before = await refusals()
    expect((await s3.wire.send('GET', '/')).status).toBe(403)
    expect(await refusals()).toEqual(before)
  })

  test('a preflight of a presigned URL is no login', async () => {
    const before = await refusals()
    const url = await s3.wire.presign('GET', '/box/x')
    const ask = { origin: 'https://example.org', 'access-control-request-method': 'GET' }
    expect((await s3.wire.send('OPTIONS', url, ask)).status).toBe(403)
    expect(await refusals()).toEqual(before)
  })
})
