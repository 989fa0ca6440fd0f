import { createHash, createHmac } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { signingKey } from '#protocols/s3/canonical.ts'
import { type ChunkDecoder, createChunkChain, createChunkDecoder } from '#protocols/s3/chunked.ts'
import { S3Fault } from '#protocols/s3/errors.ts'

// The examples of the S3 API reference: 65,536 + 1,024 times `a`.
const KEY = signingKey(
  { text: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' },
  { date: '20130524', region: 'us-east-1' },
)
const SCOPE = '20130524/us-east-1/s3/aws4_request'
const SEED = '4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9'
const FIRST = 'ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648'
const SECOND = '0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497'
const LAST = 'b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9'
const TRAILER_SEED = '106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e'
const TRAILER_CHUNKS = [
  'b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2',
  '1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7',
  '2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992',
] as const
const TRAILER = 'd81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435'

const chain = (seed = SEED) => createChunkChain(KEY, '20130524T000000Z', SCOPE, seed)
const A = 'a'.repeat(65_536)
const signedChunk = (data: string, signature: string) =>
  `${data.length.toString(16)};chunk-signature=${signature}\r\n${data}\r\n`
const EXAMPLE = `${signedChunk(A, FIRST)}${signedChunk('a'.repeat(1_024), SECOND)}0;chunk-signature=${LAST}\r\n\r\n`

function decode(decoder: ChunkDecoder, text: string, step = 4_096) {
  const bytes = Buffer.from(text, 'latin1')
  const out: Buffer[] = []
  for (let at = 0; at < bytes.length; at += step) out.push(...decoder.push(bytes.subarray(at, at + step)))
  const trailers = decoder.finish()
  return { data: Buffer.concat(out).toString('latin1'), trailers }
}

function codeOf(run: () => unknown): string {
  try {
    run()
    return 'ok'
  } catch (error) {
    return error instanceof S3Fault ? error.s3Code : String(error)
  }
}

const unsigned = (trailers: readonly string[] = [], length: number | null = null) =>
  createChunkDecoder({ chain: null, trailers, length })
const signedDecoder = (length: number | null = 66_560) =>
  createChunkDecoder({ chain: chain(), trailers: [], length })

describe('aws-chunked with signatures', () => {
  test('the example of the API reference, content-length as documented', () => {
    expect(EXAMPLE.length).toBe(66_824)
    expect(decode(signedDecoder(), EXAMPLE).data).toBe('a'.repeat(66_560))
  })

  test('the seed is the signature of the request', () => {
    expect(
      codeOf(() =>
        decode(createChunkDecoder({ chain: chain('0'.repeat(64)), trailers: [], length: null }), EXAMPLE),
      ),
    ).toBe('SignatureDoesNotMatch')
  })

  test('check 22: one flipped byte in any chunk, or in the last signature, is found', () => {
    for (const at of [100, 65_700, EXAMPLE.length - 10]) {
      const flipped = `${EXAMPLE.slice(0, at)}${EXAMPLE[at] === 'b' ? 'c' : 'b'}${EXAMPLE.slice(at + 1)}`
      expect(
        codeOf(() => decode(signedDecoder(), flipped)),
        String(at),
      ).toBe('SignatureDoesNotMatch')
    }
  })

  test('trap 14: without the signed last chunk nothing is complete', () => {
    const cut = EXAMPLE.slice(0, EXAMPLE.lastIndexOf('0;chunk'))
    expect(codeOf(() => decode(signedDecoder(), cut))).toBe('IncompleteBody')
    expect(codeOf(() => decode(signedDecoder(), `${cut}0\r\n\r\n`))).toBe('IncompleteBody')
    const forged = `${cut}0;chunk-signature=${FIRST}\r\n\r\n`
    expect(codeOf(() => decode(signedDecoder(), forged))).toBe('SignatureDoesNotMatch')
  })

  test('chunks in another order do not follow each other', () => {
    const swapped = `${signedChunk('a'.repeat(1_024), SECOND)}${signedChunk(A, FIRST)}0;chunk-signature=${LAST}\r\n\r\n`
    expect(codeOf(() => decode(signedDecoder(), swapped))).toBe('SignatureDoesNotMatch')
  })
})

describe('aws-chunked with trailers', () => {
  const head = `${signedChunk(A, TRAILER_CHUNKS[0])}${signedChunk('a'.repeat(1_024), TRAILER_CHUNKS[1])}0;chunk-signature=${TRAILER_CHUNKS[2]}\r\n`
  const decoder = () =>
    createChunkDecoder({ chain: chain(TRAILER_SEED), trailers: ['x-amz-checksum-crc32c'], length: 66_560 })

  test.each([
    ['as SDKs end it', '\r\n'],
    ['as minio-go ends it, with an empty line', '\n\r\n'],
  ])('trap 15: the signed trailer of the API reference, %s', (_name, middle) => {
    const body = `${head}x-amz-checksum-crc32c:sOO8/Q==${middle}x-amz-trailer-signature:${TRAILER}\r\n\r\n`
    const { data, trailers } = decode(decoder(), body)
    expect(data.length).toBe(66_560)
    expect([...trailers]).toEqual([['x-amz-checksum-crc32c', 'sOO8/Q==']])
  })

  test('trap 15: a changed or unsigned trailer is refused', () => {
    const changed = `${head}x-amz-checksum-crc32c:sOO9/Q==\r\nx-amz-trailer-signature:${TRAILER}\r\n\r\n`
    expect(codeOf(() => decode(decoder(), changed))).toBe('SignatureDoesNotMatch')
    expect(codeOf(() => decode(decoder(), `${head}x-amz-checksum-crc32c:sOO8/Q==\r\n\r\n`))).toBe(
      'SignatureDoesNotMatch',
    )
  })

  test.each([
    '14\r\nabcdefghijklmnopqrst\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n',
    '14\r\nabcdefghijklmnopqrst\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\n\r\n\r\n',
  ])('unsigned chunks with a trailer: %j', (body) => {
    const { data, trailers } = decode(unsigned(['x-amz-checksum-crc32'], 20), body, 1)
    expect(data).toBe('abcdefghijklmnopqrst')
    expect(trailers.get('x-amz-checksum-crc32')).toBe('AAAAAA==')
  })

  test('a promised trailer must come, another must not, none twice', () => {
    const end = (trailer: string) => `1\r\na\r\n0\r\n${trailer}\r\n`
    const run = (trailer: string) => codeOf(() => decode(unsigned(['x-amz-checksum-crc32']), end(trailer)))
    expect(run('')).toBe('MalformedTrailerError')
    expect(run('x-amz-meta-a:1\r\n')).toBe('MalformedTrailerError')
    expect(run('x-amz-checksum-crc32:a\r\nx-amz-checksum-crc32:b\r\n')).toBe('MalformedTrailerError')
    expect(run('x-amz-checksum-crc32:a\r\n')).toBe('ok')
  })
})

describe('aws-chunked: framing', () => {
  test('for any chunks and any cuts the data is the same', () => {
    fc.assert(
      fc.property(
        fc.array(fc.stringMatching(/^[a-z\r\n;]{1,40}$/), { maxLength: 12 }),
        fc.integer({ min: 1, max: 50 }),
        (chunks, step) => {
          const body = chunks.map((data) => `${data.length.toString(16)}\r\n${data}\r\n`).join('')
          const whole = chunks.join('')
          expect(decode(unsigned([], whole.length), `${body}0\r\n\r\n`, step).data).toBe(whole)
        },
      ),
    )
  })

  test('trap 16: more or fewer bytes than x-amz-decoded-content-length', () => {
    expect(codeOf(() => decode(unsigned([], 2), '3\r\nabc\r\n0\r\n\r\n'))).toBe('IncompleteBody')
    expect(codeOf(() => decode(unsigned([], 4), '3\r\nabc\r\n0\r\n\r\n'))).toBe('IncompleteBody')
  })

  test.each([
    ['a size that is no number', 'xyz\r\nabc\r\n0\r\n\r\n'],
    ['a negative size', '-1\r\nabc\r\n0\r\n\r\n'],
    ['a size beyond all bounds', 'fffffffffffffffff\r\n'],
    ['a chunk longer than its size', '2\r\nabc\r\n0\r\n\r\n'],
    ['an unknown extension', '3;x=y\r\nabc\r\n0\r\n\r\n'],
    ['no end', '3\r\nabc\r\n'],
    ['half a last line', '3\r\nabc\r\n0'],
    ['nothing', ''],
    ['bytes behind the end', '3\r\nabc\r\n0\r\n\r\nGET / HTTP/1.1\r\n'],
  ])('%s is IncompleteBody', (_name, body) => {
    expect(codeOf(() => decode(unsigned(), body))).toBe('IncompleteBody')
  })

  test('a chunk header without end is refused before it fills the memory', () => {
    expect(codeOf(() => decode(unsigned(), '0'.repeat(17 * 1024)))).toBe('InvalidRequest')
  })

  test('signatures are over the bytes: what the chain hashes is what comes out', () => {
    // Signs two chunks by the rules of the page, apart from the decoder's own code.
    const empty = createHash('sha256').digest('hex')
    const sign = (previous: string, data: string) => {
      const digest = createHash('sha256').update(data, 'latin1').digest('hex')
      const text = `AWS4-HMAC-SHA256-PAYLOAD\n20130524T000000Z\n${SCOPE}\n${previous}\n${empty}\n${digest}`
      return createHmac('sha256', KEY).update(text).digest('hex')
    }
    const data = ['\x00\xff\r\n', 'x'] as const
    const first = sign(SEED, data[0])
    const second = sign(first, data[1])
    const body = `${signedChunk(data[0], first)}${signedChunk(data[1], second)}0;chunk-signature=${sign(second, '')}\r\n`
    expect(decode(signedDecoder(5), body, 3).data).toBe('\x00\xff\r\nx')
  })
})
