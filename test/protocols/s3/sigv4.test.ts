import { createHash } from 'node:crypto'
import { SignatureV4 } from '@smithy/signature-v4'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { S3Fault } from '#protocols/s3/errors.ts'
import { readSignature } from '#protocols/s3/sigv4.ts'
import { BOTOCORE } from './botocore-vectors.ts'
import { requestOf } from './requests.ts'
import { Sha256 } from './sha256.ts'
import { matches, verdictOf } from './signed.ts'

const EMPTY = createHash('sha256').digest('hex')
const DAY = Date.UTC(2013, 4, 24)
const ID = 'AKIAIOSFODNN7EXAMPLE'
const SECRET = { text: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' }
const HOST = ['Host', 'examplebucket.s3.amazonaws.com'] as const

function signed(
  signedHeaders: string,
  signature: string,
  more: readonly (readonly [string, string])[] = [],
  payload = EMPTY,
): (readonly [string, string])[] {
  const scope = `${ID}/20130524/us-east-1/s3/aws4_request`
  return [
    HOST,
    [
      'Authorization',
      `AWS4-HMAC-SHA256 Credential=${scope},SignedHeaders=${signedHeaders},Signature=${signature}`,
    ],
    ['x-amz-content-sha256', payload],
    ['x-amz-date', '20130524T000000Z'],
    ...more,
  ]
}

const BASIC = 'host;x-amz-content-sha256;x-amz-date'
const LIST = signed(BASIC, '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7')

describe('SigV4: the examples of the S3 API reference', () => {
  test('GET object with a Range', () => {
    const headers = signed(
      'host;range;x-amz-content-sha256;x-amz-date',
      'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
      [['Range', 'bytes=0-9']],
    )
    expect(verdictOf(requestOf('GET', '/test.txt', headers), SECRET, DAY)).toBe(true)
  })

  test('PUT object, the key sent bare and encoded', () => {
    const headers = signed(
      'date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class',
      '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
      [
        ['Date', 'Fri, 24 May 2013 00:00:00 GMT'],
        ['x-amz-storage-class', 'REDUCED_REDUNDANCY'],
      ],
      '44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072',
    )
    expect(verdictOf(requestOf('PUT', '/test$file.text', headers), SECRET, DAY)).toBe(true)
    expect(verdictOf(requestOf('PUT', '/test%24file.text', headers), SECRET, DAY)).toBe(true)
  })

  test('GET bucket?lifecycle, a query without a value', () => {
    const headers = signed(BASIC, 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543')
    expect(verdictOf(requestOf('GET', '/?lifecycle', headers), SECRET, DAY)).toBe(true)
  })

  test('list, in either order of the query', () => {
    expect(verdictOf(requestOf('GET', '/?max-keys=2&prefix=J', LIST), SECRET, DAY)).toBe(true)
    expect(verdictOf(requestOf('GET', '/?prefix=J&max-keys=2', LIST), SECRET, DAY)).toBe(true)
  })

  test('presigned GET', () => {
    expect(verdictOf(requestOf('GET', PRESIGNED, [HOST]), SECRET, DAY)).toBe(true)
  })
})

const PRESIGNED =
  '/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256' +
  `&X-Amz-Credential=${ID}%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z` +
  '&X-Amz-Expires=86400&X-Amz-SignedHeaders=host' +
  '&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404'

describe('SigV4: what is refused', () => {
  const list = (headers: readonly (readonly [string, string])[], url = '/?max-keys=2&prefix=J', now = DAY) =>
    verdictOf(requestOf('GET', url, headers), SECRET, now)
  const replaced = (name: string, value: string) =>
    LIST.map(([held, old]) => [held, held === name ? value : old] as const)

  test('another secret, method, path, query, host or signed header', () => {
    expect(verdictOf(requestOf('GET', '/?max-keys=2&prefix=J', LIST), { text: 'other' }, DAY)).toBe(false)
    expect(verdictOf(requestOf('HEAD', '/?max-keys=2&prefix=J', LIST), SECRET, DAY)).toBe(false)
    expect(list(LIST, '/x?max-keys=2&prefix=J')).toBe(false)
    expect(list(LIST, '/?max-keys=2&prefix=K')).toBe(false)
    expect(list(LIST, '/?max-keys=2&prefix=J&prefix=J')).toBe(false)
    expect(list(replaced('Host', 'other.s3.amazonaws.com'))).toBe(false)
    expect(list(replaced('x-amz-content-sha256', 'UNSIGNED-PAYLOAD'))).toBe(false)
  })

  test('trap 13: a signature of another length or alphabet, upper case too', () => {
    const good = '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7'
    for (const bad of ['', 'a', good.slice(1), `${good}00`, good.toUpperCase(), `z${good.slice(1)}`]) {
      expect(list(signed(BASIC, bad)), bad).toBe(false)
    }
  })

  test('trap 5: host and every x-amz-* header must be signed', () => {
    expect(list([...LIST, ['x-amz-acl', 'public-read']])).toBe('AccessDenied')
    expect(list(signed('x-amz-content-sha256;x-amz-date', 'a'.repeat(64)))).toBe('AccessDenied')
  })

  test('check 16: a presigned GET with an unsigned x-amz-acl', () => {
    const request = requestOf('GET', PRESIGNED, [HOST, ['x-amz-acl', 'private']])
    expect(verdictOf(request, SECRET, DAY)).toBe('AccessDenied')
  })

  test('trap 4: a signed header that is not there cannot verify; the list must be sorted and unique', () => {
    expect(list(signed(`${BASIC};x-nothing`, 'a'.repeat(64)))).toBe(false)
    expect(list(signed('x-amz-date;host', 'a'.repeat(64)))).toBe('AuthorizationHeaderMalformed')
    expect(list(signed('host;host', 'a'.repeat(64)))).toBe('AuthorizationHeaderMalformed')
    expect(list(signed('Host', 'a'.repeat(64)))).toBe('AuthorizationHeaderMalformed')
  })

  test('trap 11, check 17: more than 15 minutes off', () => {
    expect(list(LIST, undefined, DAY + 15 * 60_000)).toBe(true)
    expect(list(LIST, undefined, DAY + 15 * 60_000 + 1_000)).toBe('RequestTimeTooSkewed')
    expect(list(LIST, undefined, DAY - 20 * 60_000)).toBe('RequestTimeTooSkewed')
  })

  test('check 15: presigned: expired, too long, not valid yet, flipped', () => {
    const at = (url: string, now: number) => verdictOf(requestOf('GET', url, [HOST]), SECRET, now)
    expect(at(PRESIGNED, DAY + 86_400_000)).toBe(true)
    expect(at(PRESIGNED, DAY + 86_401_000)).toBe('AccessDenied')
    expect(at(PRESIGNED, DAY - 20 * 60_000)).toBe('AccessDenied')
    expect(at(PRESIGNED.replace('=86400', '=604801'), DAY)).toBe('AuthorizationQueryParametersError')
    expect(at(PRESIGNED.replace('=86400', '=0'), DAY)).toBe('AuthorizationQueryParametersError')
    expect(at(PRESIGNED.replace('=86400', '=1e3'), DAY)).toBe('AuthorizationQueryParametersError')
    expect(at(PRESIGNED.replace('aeeed', 'beeed'), DAY)).toBe(false)
    expect(at(PRESIGNED.replace('=86400', '=86401'), DAY)).toBe(false)
  })

  test('trap 7: no x-amz-content-sha256 in header mode', () => {
    expect(list(LIST.filter(([name]) => name !== 'x-amz-content-sha256'))).toBe('InvalidRequest')
  })

  test('trap 9: scope of another day, service or end', () => {
    for (const [from, to] of [
      ['20130524/us', '20130525/us'],
      ['/s3/', '/ec2/'],
      ['aws4_request', 'aws4'],
    ] as const) {
      const headers = LIST.map(
        ([name, value]) => [name, name === 'Authorization' ? value.replace(from, to) : value] as const,
      )
      expect(list(headers), to).toBe('AuthorizationHeaderMalformed')
    }
  })

  test('trap 12: two mechanisms in one request', () => {
    expect(list(LIST, PRESIGNED)).toBe('InvalidRequest')
  })

  test('check 14: SigV2 and SigV4A are told what to use instead', () => {
    const messages = [
      requestOf('GET', '/b', [HOST, ['Authorization', 'AWS AKIA:sig=']]),
      requestOf('GET', '/b?AWSAccessKeyId=AKIA&Signature=s&Expires=1', [HOST]),
      requestOf('GET', '/b', [HOST, ['Authorization', 'AWS4-ECDSA-P256-SHA256 Credential=x']]),
      requestOf('GET', '/b', [HOST, ['Authorization', 'Basic eDp5']]),
    ].map((request) => {
      try {
        return readSignature(request, DAY)
      } catch (error) {
        return error instanceof S3Fault ? `${error.s3Code}: ${error.message}` : error
      }
    })
    for (const message of messages) expect(message).toMatch(/^InvalidRequest: .*AWS4-HMAC-SHA256/)
  })

  test('no signature at all is no claim', () => {
    expect(readSignature(requestOf('GET', '/b', [HOST]), DAY)).toBeNull()
  })
})

describe('SigV4: oracles', () => {
  test.each(BOTOCORE)('botocore: $name', ({ method, url, headers, now }) => {
    const request = requestOf(method, url, headers)
    expect(verdictOf(request, { text: 'secret+/=key' }, now)).toBe(true)
    expect(verdictOf(request, { text: 'secret+/=kez' }, now)).toBe(false)
  })

  const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: SECRET.text }
  const signer = new SignatureV4({
    credentials,
    region: 'local',
    service: 's3',
    sha256: Sha256,
    uriEscapePath: false,
    applyChecksum: true,
  })

  const text = fc.string({ unit: 'grapheme', maxLength: 12 }).map((value) => value.toWellFormed())
  const encoded = (value: string) =>
    encodeURIComponent(value).replace(
      /[!'()*]/g,
      (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
    )

  test('for any key, query and metadata @smithy/signature-v4 and this verifier agree', async () => {
    const cases = fc.record({
      key: text.filter((value) => value !== '' && value !== '.' && value !== '..'),
      query: fc.dictionary(
        // A plain object, in which the oracle keeps its query, cannot hold this name.
        text.filter((name) => name !== '' && name !== '__proto__'),
        text,
        { maxKeys: 4 },
      ),
      value: fc.stringMatching(/^[ -~]{0,20}$/),
    })
    await fc.assert(
      fc.asyncProperty(cases, async ({ key, query, value }) => {
        const path = `/b/${key.split('/').map(encoded).join('/')}`
        const request = await signer.sign(
          {
            method: 'PUT',
            protocol: 'http:',
            hostname: 'localhost',
            path,
            query,
            headers: { host: 'localhost:9000', 'x-amz-meta-a': value },
          },
          { signingDate: new Date(DAY) },
        )
        const pairs = Object.entries(query).map(([name, held]) => `${encoded(name)}=${encoded(held)}`)
        const url = pairs.length === 0 ? path : `${path}?${pairs.join('&')}`
        const received = requestOf('PUT', url, Object.entries(request.headers))
        expect(verdictOf(received, SECRET, DAY)).toBe(true)
      }),
      { numRuns: 200 },
    )
  })

  test('presigned by @smithy/signature-v4, for any key', async () => {
    await fc.assert(
      fc.asyncProperty(
        text.filter((value) => value !== ''),
        async (key) => {
          const request = await signer.presign(
            {
              method: 'GET',
              protocol: 'http:',
              hostname: 'localhost',
              path: `/b/${key.split('/').map(encoded).join('/')}`,
              query: { 'response-content-disposition': `attachment; filename="${key}"` },
              headers: { host: 'localhost:9000', 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' },
            },
            { signingDate: new Date(DAY), expiresIn: 60 },
          )
          const pairs = Object.entries(request.query ?? {}).map(
            ([name, held]) => `${encoded(name)}=${encoded(String(held))}`,
          )
          const received = requestOf('GET', `${request.path}?${pairs.join('&')}`, [
            ['host', 'localhost:9000'],
          ])
          expect(verdictOf(received, SECRET, DAY)).toBe(true)
        },
      ),
      { numRuns: 100 },
    )
  })
})

describe('SigV4: signing keys', () => {
  test('hang on the secret object: another object with the same text verifies as well', () => {
    const request = requestOf('GET', '/?max-keys=2&prefix=J', LIST)
    const signature = readSignature(request, DAY)
    if (signature === null) throw new Error('no claim')
    expect(signature.key()).toBeNull()
    expect(matches(signature.proof, { text: 'wrong' })).toBe(false)
    expect(signature.key()).toBeNull()
    expect(matches(signature.proof, { ...SECRET })).toBe(true)
    expect(signature.key()?.type).toBe('secret')
  })
})
