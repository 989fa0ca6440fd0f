import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { CreateBucketCommand } from '@aws-sdk/client-s3'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createChunkDecoder } from '#protocols/s3/chunked.ts'
import { S3Fault } from '#protocols/s3/errors.ts'
import { readForm } from '#protocols/s3/form.ts'
import { type Random, seededRandom } from '#test/seeded.ts'
import { signedChunks } from './chunks.ts'
import { fileOf, formBody, signedFields } from './forms.ts'
import { type Answer, codeOf } from './wire.ts'
import { type S3World, startS3World } from './world-s3.ts'

let s3: S3World
let random: Random
beforeAll(async () => {
  random = seededRandom()
  s3 = await startS3World()
  await s3.client.send(new CreateBucketCommand({ Bucket: 'box' }))
})
afterAll(() => s3[Symbol.asyncDispose]())
afterEach(async () => {
  expect((await s3.wire.signed('GET', '/')).status).toBe(200)
  expect(s3.world.logs.filter(({ level }) => level === 'error')).toEqual([])
})

/** Some bytes changed, cut out, doubled or put in. */
function mutated(bytes: Buffer): Buffer {
  let out = Buffer.from(bytes)
  for (let times = random.between(1, 4); times > 0; times--) {
    const at = random.between(0, Math.max(0, out.length - 1))
    const piece = out.subarray(at, at + random.between(0, 20))
    switch (random.between(0, 4)) {
      case 0:
        out[at] = random.between(0, 255)
        break
      case 1:
        out = Buffer.concat([out.subarray(0, at), out.subarray(at + piece.length)])
        break
      case 2:
        out = Buffer.concat([out.subarray(0, at), piece, out.subarray(at)])
        break
      case 3:
        out = Buffer.concat([out.subarray(0, at), Buffer.from(random.pick(ODD)), out.subarray(at)])
        break
      default:
        out = out.subarray(0, at)
    }
  }
  return out
}

const ODD = [
  '\r\n',
  '0\r\n',
  '\r\n\r\n',
  ';chunk-signature=',
  '-1',
  'ffffffffffffffff',
  '\0',
  '--',
  ':',
  'x-amz-checksum-crc32:',
  '\xff',
]

describe('S3 door: hostile chunks', () => {
  test('any framing in any pieces ends in data or a fault of S3, never in more data than promised', () => {
    const frame = Buffer.from('5\r\nhello\r\n3;x\r\nabc\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n')
    const faults = new Set<string>()
    for (let round = 0; round < 5_000; round++) {
      const decoder = createChunkDecoder({ chain: null, trailers: ['x-amz-checksum-crc32'], length: 8 })
      const bytes = mutated(frame)
      let length = 0
      try {
        for (let from = 0; from < bytes.length; ) {
          const end = from + random.between(1, 12)
          for (const piece of decoder.push(bytes.subarray(from, end))) length += piece.length
          from = end
        }
        decoder.finish()
        expect(length).toBe(8)
      } catch (error) {
        if (!(error instanceof S3Fault)) throw error
        faults.add(error.s3Code)
      }
      expect(length).toBeLessThanOrEqual(8)
    }
    expect([...faults].toSorted()).toEqual(
      expect.arrayContaining(['IncompleteBody', 'MalformedTrailerError']),
    )
  })

  test('trap 14: a changed signed body is never taken', async () => {
    const chunks = ['first', 'second'].map((text) => Buffer.from(text))
    for (let round = 0; round < 60; round++) {
      const headers = await s3.wire.sign('PUT', `/box/fuzzed/${round}`, {
        'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
        'x-amz-decoded-content-length': '11',
      })
      const whole = Buffer.concat(signedChunks(s3.key, headers, chunks).frames)
      const sent = mutated(whole)
      const answer = await s3.wire.send('PUT', `/box/fuzzed/${round}`, headers, sent)
      if (answer.status === 200)
        expect((await s3.wire.signed('GET', `/box/fuzzed/${round}`)).text).toBe('firstsecond')
      else expect([400, 403]).toContain(answer.status)
    }
    const kept = await readdir(join(s3.world.root, '.latchkey/staging'), { recursive: true })
    expect(kept.filter((name) => name.includes('/'))).toEqual([])
  })
})

/** Refused or done, never broken. Whose signatures are wrong too often is told to slow down. */
function isFine(answer: Answer): boolean {
  return answer.status < 500 || answer.status === 501 || codeOf(answer) === 'SlowDown'
}

describe('S3 door: hostile headers and queries', () => {
  const NAMES = [
    ...[
      'range',
      'if-match',
      'if-none-match',
      'if-modified-since',
      'if-range',
      'content-md5',
      'content-encoding',
    ],
    ...[
      'x-amz-copy-source',
      'x-amz-copy-source-range',
      'x-amz-metadata-directive',
      'x-amz-tagging',
      'x-amz-acl',
    ],
    ...[
      'x-amz-checksum-crc32',
      'x-amz-checksum-mode',
      'x-amz-checksum-algorithm',
      'x-amz-sdk-checksum-algorithm',
    ],
    ...[
      'x-amz-trailer',
      'x-amz-decoded-content-length',
      'x-amz-object-attributes',
      'x-amz-meta-x',
      'expires',
    ],
  ]
  const VALUES = [
    '',
    '*',
    '"',
    'bytes=',
    'bytes=0-',
    'bytes=-',
    'bytes=9-1',
    'bytes=0-99999999999999999999',
    '-1',
    '1e9',
  ]
  const MORE = [
    'box/..',
    '/',
    '%',
    '%ff',
    'box/%2e%2e',
    'a'.repeat(3_000),
    '=',
    '&&',
    '\xe9\xff',
    'AAAA',
    'W/"x"',
    'NaN',
    'null',
  ]
  const QUERIES = [
    'uploads',
    'uploadId=x',
    'partNumber=0&uploadId=y',
    'versionId=',
    'list-type=2&max-keys=-1',
    'max-keys=1e3',
  ]
  const OTHERS = [
    'prefix=%ff',
    'delimiter=',
    'continuation-token=AAAA',
    'attributes',
    'tagging',
    'acl',
    'partNumber=99999',
    'x=%',
  ]

  test('no value of any header or parameter is an internal error', async () => {
    const statuses = new Map<number, number>()
    for (let round = 0; round < 120; round++) {
      const headers: Record<string, string> = {}
      for (let count = random.between(0, 4); count > 0; count--)
        headers[random.pick(NAMES)] = random.pick([...VALUES, ...MORE])
      const path = random.pick([
        '/',
        '/box',
        '/box/',
        '/box/k',
        '/box/a//b',
        '/box/k/',
        '/other/k',
        '/..%2f/k',
        '/%00/x',
      ])
      const query = random.next() < 0.6 ? `?${random.pick([...QUERIES, ...OTHERS])}` : ''
      const method = random.pick(['GET', 'HEAD', 'PUT', 'POST', 'DELETE'])
      const signed = await s3.wire.sign(method, path + query, headers).catch(() => null)
      if (signed === null) continue
      const answer = await s3.wire.send(method, path + query, signed, method === 'PUT' ? 'body' : null)
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1)
      expect(isFine(answer), `${method} ${path}${query} ${JSON.stringify(headers)}`).toBe(true)
    }
    expect(statuses.size).toBeGreaterThan(2)
  }, 60_000)

  test('Authorization headers of any form are refused and change nothing', async () => {
    const good = (await s3.wire.sign('GET', '/box')).authorization ?? ''
    for (let round = 0; round < 60; round++) {
      const authorization = mutated(Buffer.from(good))
        .toString('latin1')
        .replace(/[^\x20-\x7e\x80-\xff]/g, ' ')
      const headers = { ...(await s3.wire.sign('GET', '/box')), authorization }
      const answer = await s3.wire.send('GET', '/box', headers)
      expect(isFine(answer)).toBe(true)
    }
  }, 60_000)
})

describe('S3 door: hostile XML', () => {
  const entities = Array.from({ length: 10 }, (_, n) => `<!ENTITY e${n + 1} "${`&e${n};`.repeat(10)}">`)
  const bomb = `<!DOCTYPE x [<!ENTITY e0 "ha">${entities.join('')}]>`
  const outside = '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>'
  const deep = (root: string) => `<${root}>${'<a>'.repeat(5_000)}`
  // More elements than the longest list of keys, or of parts, can have.
  const wide = (root: string) => {
    const count = root === 'CompleteMultipartUpload' ? 161_000 : 31_000
    return `<${root}>${'<a/>'.repeat(count)}</${root}>`
  }
  const named = (root: string) => `<${root}><${'n'.repeat(70_000)}/></${root}>`

  test.each([
    ['POST', '/box?delete', 'Delete'],
    ['POST', '/box/k?uploadId=00', 'CompleteMultipartUpload'],
    ['PUT', '/box/k?tagging', 'Tagging'],
    ['PUT', '/box?tagging', 'Tagging'],
    ['PUT', '/box?acl', 'AccessControlPolicy'],
  ])(
    '%s %s takes no bomb',
    async (method, path, root) => {
      await s3.wire.signed('PUT', '/box/k', {}, 'x')
      for (const xml of [
        `${bomb}<${root}>&e10;</${root}>`,
        `${outside}<${root}>&f;</${root}>`,
        deep(root),
        wide(root),
        named(root),
        `<${root}>&#0;</${root}>`,
        `<${root}`,
        '\xff\xfe<\0',
      ]) {
        const answer = await s3.wire.signed(method, path, {}, Buffer.from(xml, 'latin1')).catch(() => null)
        if (answer === null) continue
        expect([400, codeOf(answer)]).toEqual([answer.status, 'MalformedXML'])
        expect(answer.text).not.toContain('root:')
      }
    },
    60_000,
  )
})

describe('S3 door: hostile forms', () => {
  test('any form in any pieces is a form or a fault of S3', async () => {
    const boundary = 'form-0123456789'
    const form = formBody(
      [...signedFields(s3.key, { conditions: [['eq', '$key', 'posted']] }), fileOf('hello')],
      boundary,
    )
    const faults = new Set<string>()
    for (let round = 0; round < 200; round++) {
      const bytes = mutated(form)
      async function* pieces() {
        for (let from = 0; from < bytes.length; ) {
          const end = from + random.between(1, 200)
          yield bytes.subarray(from, end)
          from = end
        }
      }
      try {
        const { file } = await readForm(pieces(), boundary)
        let length = 0
        for await (const chunk of file) length += chunk.length
        expect(length).toBeLessThanOrEqual(bytes.length)
      } catch (error) {
        if (!(error instanceof S3Fault)) throw error
        faults.add(error.s3Code)
      }
    }
    expect(faults).toContain('MalformedPOSTRequest')
  })

  test('fields without end, too many fields, endless heads', async () => {
    const post = async (body: Buffer) => {
      const headers = { 'content-type': 'multipart/form-data; boundary=b' }
      const answer = await s3.wire.send('POST', '/box', headers, body).catch(() => null)
      return answer === null ? 'cut' : `${answer.status} ${codeOf(answer)}`
    }
    const field = (name: string, value: string) => ({ name, value })
    expect(await post(formBody([field('key', 'k'.repeat(50_000)), fileOf('x')], 'b'))).toBe(
      '400 MaxPostPreDataLengthExceededError',
    )
    const many = Array.from({ length: 300 }, (_, index) => field(`x-ignore-${index}`, ''))
    expect(await post(formBody([...many, fileOf('x')], 'b'))).toBe('400 InvalidArgument')
    expect(await post(Buffer.from(`--b\r\nContent-Disposition: form-data; name="${'n'.repeat(9_000)}`))).toBe(
      '400 MalformedPOSTRequest',
    )
    expect(await post(Buffer.from('no boundary at all'))).toBe('400 MalformedPOSTRequest')
    expect(await post(Buffer.alloc(0))).toBe('400 MalformedPOSTRequest')
  })
})
