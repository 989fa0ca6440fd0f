import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CreateBucketCommand } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { rightsOf } from '#permissions/grants.ts'
import { startS3Door } from '#protocols/s3/door.ts'
import { bucketOf } from './bucket.ts'
import { crc32Of, signedChunks } from './chunks.ts'
import { codeOf, wireTo } from './wire.ts'
import { errorOf, type S3World, startS3World } from './world-s3.ts'

let s3: S3World
beforeAll(async () => {
  s3 = await startS3World()
  await s3.client.send(new CreateBucketCommand({ Bucket: 'box' }))
})
afterAll(() => s3[Symbol.asyncDispose]())

const { put, head, textOf } = bucketOf(() => s3)
const CHUNKS = ['first chunk', 'second chunk', 'third'].map((text) => Buffer.from(text))
const WHOLE = Buffer.concat(CHUNKS)

async function begin(key: string, more: Record<string, string> = {}, length = WHOLE.length) {
  return s3.wire.sign('PUT', `/box/${key}`, {
    'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
    'x-amz-decoded-content-length': `${length}`,
    ...more,
  })
}

/** Sends frames of a signed body, changed by `change`; status and code. */
async function send(key: string, change: (frames: readonly Buffer[]) => readonly Buffer[], length?: number) {
  const headers = await begin(key, {}, length)
  const { frames } = signedChunks(s3.key, headers, CHUNKS)
  const answer = await s3.wire.send('PUT', `/box/${key}`, headers, Buffer.concat(change(frames)))
  return `${answer.status} ${codeOf(answer) ?? ''}`.trim()
}

const flip = (frame: Buffer | undefined, at: number) => {
  const copy = Buffer.from(frame ?? '')
  copy[at] = (copy[at] ?? 0) ^ 1
  return copy
}

/** The same with another hexadecimal digit. */
const resigned = (frame: Buffer | undefined, at: number) => {
  const copy = Buffer.from(frame ?? '')
  copy.write(copy[at] === 0x30 ? '1' : '0', at)
  return copy
}

describe('S3 traps 14–17: chunked bodies', () => {
  test('trap 14, check 22: the chain from the header signature to the signed last chunk', async () => {
    await put('chain', 'old')
    expect(await send('chain', (frames) => frames)).toBe('200')
    expect(await textOf('chain')).toBe(WHOLE.toString())
    const [
      first = Buffer.alloc(0),
      second = Buffer.alloc(0),
      third = Buffer.alloc(0),
      last = Buffer.alloc(0),
    ] = signedChunks(s3.key, await begin('x'), CHUNKS).frames
    expect([first, second, third, last].every((frame) => frame.length > 0)).toBe(true)
    await put('chain', 'old')
    const refused = '403 SignatureDoesNotMatch'
    expect(await send('chain', ([a, ...rest]) => [flip(a, (a?.length ?? 0) - 5), ...rest])).toBe(refused)
    expect(await send('chain', ([a, b, ...rest]) => [b ?? last, a ?? last, ...rest])).toBe(refused)
    expect(await send('chain', ([a, b, c, d]) => [a, b, c, resigned(d, 25)].map((one) => one ?? last))).toBe(
      refused,
    )
    expect(await send('chain', (frames) => frames.slice(0, -1))).toBe('400 IncompleteBody')
    expect(await textOf('chain')).toBe('old')
  })

  test('trap 15: a signed trailer is verified, and its names are those of x-amz-trailer', async () => {
    const attempt = async (name: string, value: string, promised = 'x-amz-checksum-crc32', cut = false) => {
      const headers = await begin('trailer', {
        'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER',
        'x-amz-trailer': promised,
      })
      const { frames } = signedChunks(s3.key, headers, CHUNKS, { name, value })
      const body = Buffer.concat(frames).toString('latin1')
      const sent = cut
        ? body.replace(/x-amz-trailer-signature:[0-9a-f]+/, (line) => line.replace(/.$/, 'g'))
        : body
      const answer = await s3.wire.send('PUT', '/box/trailer', headers, Buffer.from(sent, 'latin1'))
      return `${answer.status} ${codeOf(answer) ?? ''}`.trim()
    }
    const crc = crc32Of(WHOLE)
    expect(await attempt('x-amz-checksum-crc32', crc)).toBe('200')
    expect(await attempt('x-amz-checksum-crc32', 'AAAAAA==')).toBe('400 BadDigest')
    expect(await attempt('x-amz-checksum-crc32', crc, undefined, true)).toBe('403 SignatureDoesNotMatch')
    expect(await attempt('x-amz-meta-sneaked', '1')).toBe('400 MalformedTrailerError')
  })

  test('trap 16: the chunks add up to x-amz-decoded-content-length; their headers are bounded', async () => {
    expect(await send('sum', (frames) => frames, WHOLE.length + 1)).toBe('400 IncompleteBody')
    expect(await send('sum', (frames) => frames, WHOLE.length - 1)).toBe('400 IncompleteBody')
    const endless = Buffer.from(`5;chunk-signature=${'0'.repeat(20_000)}`)
    expect(await send('sum', () => [endless])).toBe('400 InvalidRequest')
    expect(await send('sum', () => [Buffer.from('ffffffffffffff\r\n')])).toBe('400 IncompleteBody')
    expect(await errorOf(head('sum'))).toBe('NotFound')
    const tiny = [...WHOLE].map((byte) => Buffer.from([byte]))
    const headers = await begin('tiny')
    const { frames } = signedChunks(s3.key, headers, tiny)
    expect((await s3.wire.send('PUT', '/box/tiny', headers, Buffer.concat(frames))).status).toBe(200)
  })

  test('trap 17: no bytes behind the final chunk', async () => {
    expect(await send('behind', (frames) => [...frames, Buffer.from('GET / HTTP/1.1\r\n')])).toBe(
      '400 IncompleteBody',
    )
    expect(await errorOf(head('behind'))).toBe('NotFound')
  })
})

describe('S3 traps 6 and 18', () => {
  test('trap 6: the forwarded host counts when a configured proxy says it, and only then', async () => {
    const listener = { address: '127.0.0.1', port: 0, siteId: null }
    const log = { debug() {}, info() {}, warn() {}, error() {} }
    const common = { listener, log, region: 'local', domains: ['files.example'] }
    const behind = await startS3Door(s3.world.gate, { ...common, trustedProxies: ['127.0.0.1'] })
    const open = await startS3Door(s3.world.gate, common)
    const signed = await s3.wire.sign('GET', '/', { host: 'box.files.example' })
    const statusAt = async (port: number) => {
      const headers = { ...signed, host: `127.0.0.1:${port}`, 'x-forwarded-host': 'box.files.example' }
      return (await wireTo(port, s3.key).send('GET', '/', headers)).status
    }
    expect([await statusAt(behind.port), await statusAt(open.port)]).toEqual([200, 403])
    await Promise.all([behind, open].map((door) => door.stop(AbortSignal.abort())))
  })

  test.each([
    ['box/a%20b+%C3%BC', 200],
    ['/box/a%20b+%C3%BC', 200],
    ['box%2Fa%20b%2B%C3%BC', 200],
    ['box/a%20b+%C3%BC?versionId=null', 200],
    ['box/a%20b+%C3%BC?versionId=7', 404],
    ['box/a b%2B%C3%BC', 200],
    ['box/a+b+%C3%BC', 404],
    ['box', 400],
    ['box/../box/a', 400],
  ])('trap 18: the copy source %s', async (source, status) => {
    await put('a b+ü', 'source')
    const answer = await s3.wire.signed('PUT', '/box/copied', { 'x-amz-copy-source': source })
    expect(answer.status).toBe(status)
  })

  test('trap 18: rights are asked for at the source and at the destination', async () => {
    await s3.client.send(new CreateBucketCommand({ Bucket: 'theirs' }))
    await writeFile(join(s3.world.root, 'theirs/secret'), 'secret')
    await put('mine/own', 'own')
    const grants = [{ path: '/box/mine', rights: rightsOf('list', 'read', 'write', 'delete') }]
    const member = await s3.world.issue({ role: 'member', user: 'copier', grants })
    const copy = async (from: string, to: string) => {
      const answer = await s3.wire.signed('PUT', to, { 'x-amz-copy-source': from }, null, member)
      return `${answer.status} ${codeOf(answer) ?? ''}`.trim()
    }
    expect(await copy('box/mine/own', '/box/mine/copy')).toBe('200')
    expect(await copy('theirs/secret', '/box/mine/stolen')).toMatch(/^40[34]/)
    expect(await copy('box/mine/own', '/theirs/planted')).toMatch(/^40[34]/)
    const { text } = await s3.wire.signed('POST', '/box/mine/parts?uploads', {}, null, member)
    const id = /<UploadId>(.*?)</.exec(text)?.[1]
    const part = await s3.wire.signed(
      'PUT',
      `/box/mine/parts?partNumber=1&uploadId=${id}`,
      { 'x-amz-copy-source': 'theirs/secret' },
      null,
      member,
    )
    expect(part.status).toBeGreaterThanOrEqual(403)
  })
})
