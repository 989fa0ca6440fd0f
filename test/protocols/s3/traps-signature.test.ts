import { createHmac, hash } from 'node:crypto'
import { SignatureV4 } from '@smithy/signature-v4'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { signingKey } from '#protocols/s3/canonical.ts'
import { S3Fault } from '#protocols/s3/errors.ts'
import { readSignature } from '#protocols/s3/sigv4.ts'
import { HOST, plainRequests, targetOf } from './generated.ts'
import { requestOf } from './requests.ts'
import { Sha256 } from './sha256.ts'
import { verdictOf } from './signed.ts'

const NOW = Date.UTC(2026, 10, 22, 6)
const STAMP = '20261122T060000Z'
const SECRET = { text: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' }

type Spec = {
  /** The canonical request, without its headers' names and payload, as this test writes it by hand. */
  readonly canonical: readonly string[]
  readonly target: string
  readonly headers?: readonly (readonly [string, string])[]
  readonly signedHeaders: string
  readonly region?: string
  readonly scope?: string
  readonly stamp?: string
}

/** Verdict on a request that was signed by hand, from a canonical request that the trap demands. */
function verdictOn({
  canonical,
  target,
  headers = [],
  signedHeaders,
  region = 'local',
  scope,
  stamp = STAMP,
}: Spec) {
  const text = [...canonical, signedHeaders, 'UNSIGNED-PAYLOAD'].join('\n')
  const place = `20261122/${region}/s3/aws4_request`
  const toSign = `AWS4-HMAC-SHA256\n${stamp}\n${place}\n${hash('sha256', text)}`
  const key = signingKey(SECRET, { date: '20261122', region })
  const signature = createHmac('sha256', key).update(toSign).digest('hex')
  const request = requestOf('GET', target, [
    ['Host', HOST],
    ['x-amz-content-sha256', 'UNSIGNED-PAYLOAD'],
    ['x-amz-date', stamp],
    ...headers,
    [
      'Authorization',
      `AWS4-HMAC-SHA256 Credential=AKID/${scope ?? place}, SignedHeaders=${signedHeaders}, Signature=${signature}`,
    ],
  ])
  return verdictOf(request, SECRET, NOW)
}

const BASIC = 'host;x-amz-content-sha256;x-amz-date'
const HEADERS = `host:${HOST}\nx-amz-content-sha256:UNSIGNED-PAYLOAD\nx-amz-date:${STAMP}\n`
const get = (path: string, query: string, target: string) =>
  verdictOn({ canonical: ['GET', path, query, HEADERS], target, signedHeaders: BASIC })

describe('SigV4 traps 1–13: what is canonical', () => {
  test.each([
    ['/b/a%20b', '/b/a%20b'],
    ['/b/a%20b%2Bc', '/b/a%20b+c'],
    ['/b/%25252F', '/b/%25252F'],
    ['/b/~x_-.', '/b/%7Ex_%2D%2e'],
    ['/b/a//b/../c', '/b/a//b/../c'],
    ['/b/%C3%BC', '/b/%c3%bc'],
    ['/b/%28x%29%2A%21%27', "/b/(x)*!'"],
  ])('trap 1: the path is decoded once and encoded once, nothing normalised: %s for %s', (path, target) => {
    expect(get(path, '', target)).toBe(true)
  })

  test.each([
    ['a=%2B', 'a=%2B'],
    ['a=%2B', 'a=+'],
    ['x=', 'x'],
    ['prefix=a%2Fb', 'prefix=a/b'],
    ['a=1&a=2&b=', 'b&a=2&a=1'],
    ['%C3%A9=1&z=', 'z&%C3%A9=1'],
    ['X-Amz-Meta=1', 'X-Amz-Meta=1'],
  ])('trap 2: the query is %s for %s', (query, target) => {
    expect(get('/b', query, `/b?${target}`)).toBe(true)
  })

  test('trap 3: values are trimmed, inner spaces folded, repeated headers joined with a comma, bytes kept', () => {
    const headers = [
      ['X-Amz-Meta-A', 'one   two'],
      ['x-amz-meta-b', '1'],
      ['x-amz-meta-b', '2'],
      ['x-amz-meta-c', 'Ã¼'],
    ] as const
    const folded = `${HEADERS}x-amz-meta-a:one two\nx-amz-meta-b:1,2\nx-amz-meta-c:ü\n`
    const signedHeaders = `${BASIC};x-amz-meta-a;x-amz-meta-b;x-amz-meta-c`
    expect(verdictOn({ canonical: ['GET', '/b', '', folded], target: '/b', headers, signedHeaders })).toBe(
      true,
    )
  })

  test('trap 4: SignedHeaders are taken as they are given: sorted, lower case, once each, and there', () => {
    const headers = [
      ['accept-encoding', 'gzip'],
      ['cache-control', 'no-cache'],
      ['content-length', '0'],
    ] as const
    const block = `accept-encoding:gzip\ncache-control:no-cache\ncontent-length:0\n${HEADERS}`
    const names = `accept-encoding;cache-control;content-length;${BASIC}`
    const on = (signedHeaders: string, sent: Spec['headers'] = headers) =>
      verdictOn({ canonical: ['GET', '/b', '', block], target: '/b', headers: sent, signedHeaders })
    expect(on(names)).toBe(true)
    expect(on(names, headers.slice(1))).toBe(false)
    expect(on(names.replace('accept-encoding', 'Accept-Encoding'))).toBe('AuthorizationHeaderMalformed')
    expect(on(`host;${names}`)).toBe('AuthorizationHeaderMalformed')
    expect(on(`${names};x-amz-date`)).toBe('AuthorizationHeaderMalformed')
  })

  test('trap 5: host and every x-amz-* header must be signed', () => {
    const canonical = ['GET', '/b', '', HEADERS]
    const headers = [['x-amz-acl', 'private']] as const
    expect(verdictOn({ canonical, target: '/b', headers, signedHeaders: BASIC })).toBe('AccessDenied')
    const hostless = HEADERS.replace(/^host:.*\n/, '')
    const signedHeaders = 'x-amz-content-sha256;x-amz-date'
    expect(verdictOn({ canonical: ['GET', '/b', '', hostless], target: '/b', signedHeaders })).toBe(
      'AccessDenied',
    )
  })

  test('trap 6: the host counts as received, with its port', () => {
    const portless = HEADERS.replace(HOST, 'localhost')
    expect(verdictOn({ canonical: ['GET', '/b', '', portless], target: '/b', signedHeaders: BASIC })).toBe(
      false,
    )
  })

  test('trap 7: no x-amz-content-sha256 in header mode is 400, presigned it is UNSIGNED-PAYLOAD', () => {
    const authorization = `AWS4-HMAC-SHA256 Credential=AKID/20261122/local/s3/aws4_request, SignedHeaders=host, Signature=${'0'.repeat(64)}`
    const request = requestOf('GET', '/b', [
      ['Host', HOST],
      ['Date', new Date(NOW).toUTCString()],
      ['Authorization', authorization],
    ])
    expect(verdictOf(request, SECRET, NOW)).toBe('InvalidRequest')
    const presigned = requestOf('GET', presignedTarget({}), [['Host', HOST]])
    expect(readSignature(presigned, NOW)?.claim.payload).toBe('UNSIGNED-PAYLOAD')
  })

  test('trap 9: the scope has the day of the request, s3 and aws4_request', () => {
    const canonical = ['GET', '/b', '', HEADERS]
    const on = (scope: string) => verdictOn({ canonical, target: '/b', signedHeaders: BASIC, scope })
    expect(on('20261122/local/s3/aws4_request')).toBe(true)
    expect(on('20261121/local/s3/aws4_request')).toBe('AuthorizationHeaderMalformed')
    expect(on('20261122/local/ec2/aws4_request')).toBe('AuthorizationHeaderMalformed')
    expect(on('20261122/local/s3/aws3_request')).toBe('AuthorizationHeaderMalformed')
  })

  test('trap 10: any region may be signed with', () => {
    for (const region of ['local', 'us-east-1', 'eu-central-1', 'auto', 'X9']) {
      const canonical = ['GET', '/b', '', HEADERS]
      expect(verdictOn({ canonical, target: '/b', signedHeaders: BASIC, region })).toBe(true)
    }
  })

  test('trap 11, check 17: 15 minutes either way, to the millisecond', () => {
    const at = (offset: number) => {
      const request = requestOf('GET', '/b', [
        ['Host', HOST],
        ['x-amz-content-sha256', 'UNSIGNED-PAYLOAD'],
        ['x-amz-date', STAMP],
        [
          'Authorization',
          `AWS4-HMAC-SHA256 Credential=AKID/20261122/local/s3/aws4_request, SignedHeaders=${BASIC}, Signature=${'0'.repeat(64)}`,
        ],
      ])
      return verdictOf(request, SECRET, NOW + offset)
    }
    expect([at(900_000), at(-900_000)]).toEqual([false, false])
    expect([at(900_001), at(-900_001)]).toEqual(['RequestTimeTooSkewed', 'RequestTimeTooSkewed'])
  })

  test.each([
    ['1', NOW, false],
    ['604800', NOW + 604_800_000, false],
    ['604800', NOW + 604_800_001, 'AccessDenied'],
    ['604801', NOW, 'AuthorizationQueryParametersError'],
    ['0', NOW, 'AuthorizationQueryParametersError'],
    ['-1', NOW, 'AuthorizationQueryParametersError'],
    ['1.5', NOW, 'AuthorizationQueryParametersError'],
    ['1e3', NOW, 'AuthorizationQueryParametersError'],
    ['', NOW, 'AuthorizationQueryParametersError'],
    ['60', NOW - 900_001, 'AccessDenied'],
  ])('trap 11, check 15: X-Amz-Expires %j', (expires, now, verdict) => {
    const request = requestOf('GET', presignedTarget({ 'X-Amz-Expires': expires }), [['Host', HOST]])
    expect(verdictOf(request, SECRET, now)).toBe(verdict)
  })

  test('trap 12: two mechanisms in one request', () => {
    const headers = [
      ['Host', HOST],
      ['Authorization', 'AWS4-HMAC-SHA256 x'],
    ] as const
    expect(verdictOf(requestOf('GET', presignedTarget({}), headers), SECRET, NOW)).toBe('InvalidRequest')
  })

  test.each([
    ['AWS', 'AWS AKID:c2ln'],
    [
      'SigV4A',
      'AWS4-ECDSA-P256-SHA256 Credential=AKID/20261122/s3/aws4_request, SignedHeaders=host, Signature=00',
    ],
    ['Basic', 'Basic YTpi'],
  ])('check 14: %s is refused with what to use instead', (_, authorization) => {
    const request = requestOf('GET', '/b', [
      ['Host', HOST],
      ['Authorization', authorization],
    ])
    expect(faultOf(() => readSignature(request, NOW)).message).toMatch(
      /AWS4-HMAC-SHA256.*boto3.*s3cmd.*rclone/,
    )
  })

  test.each([
    '/b/k?AWSAccessKeyId=AKID&Expires=1900000000&Signature=c2ln',
    presignedTarget({ 'X-Amz-Algorithm': 'AWS4-ECDSA-P256-SHA256', 'X-Amz-Region-Set': '*' }),
  ])('check 14: presigned the same: %s', (target) => {
    const request = requestOf('GET', target, [['Host', HOST]])
    expect(faultOf(() => readSignature(request, NOW))).toMatchObject({ s3Code: 'InvalidRequest' })
  })
})

function presignedTarget(more: Readonly<Record<string, string>>): string {
  const all = {
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Credential': 'AKID/20261122/local/s3/aws4_request',
    'X-Amz-Date': STAMP,
    'X-Amz-Expires': '60',
    'X-Amz-SignedHeaders': 'host',
    'X-Amz-Signature': '0'.repeat(64),
    ...more,
  }
  return `/b/k?${Object.entries(all)
    .map((pair) => pair.map(encodeURIComponent).join('='))
    .join('&')}`
}

function faultOf(work: () => unknown): S3Fault {
  try {
    work()
  } catch (error) {
    if (error instanceof S3Fault) return error
  }
  throw new Error('no fault')
}

describe('SigV4: the oracle @smithy/signature-v4', () => {
  const signer = new SignatureV4({
    credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: SECRET.text },
    region: 'local',
    service: 's3',
    sha256: Sha256,
    uriEscapePath: false,
  })
  const partsOf = (request: Parameters<typeof targetOf>[0]) => ({
    protocol: 'http:',
    hostname: 'localhost',
    path: request.path,
    query: Object.fromEntries(request.query.map((pair) => pair.map(decodeURIComponent))),
  })

  test('1,000 generated requests, each signed and presigned', async () => {
    const property = fc.asyncProperty(plainRequests, async (request) => {
      const headers = {
        ...Object.fromEntries(request.headers),
        host: HOST,
        'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
      }
      const given = { ...partsOf(request), method: request.method, headers }
      const signed = await signer.sign(given, { signingDate: new Date(NOW) })
      const received = requestOf(request.method, targetOf(request), Object.entries(signed.headers))
      expect(verdictOf(received, SECRET, NOW)).toBe(true)
      const presigned = await signer.presign(
        { ...given, headers: { host: HOST, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' } },
        { signingDate: new Date(NOW), expiresIn: 60 },
      )
      const query = Object.entries(presigned.query ?? {}).map(
        ([name, value]) => [encodeURIComponent(name), encodeURIComponent(String(value))] as const,
      )
      const url = requestOf(request.method, targetOf({ path: presigned.path, query }), [['Host', HOST]])
      expect(verdictOf(url, SECRET, NOW)).toBe(true)
    })
    await fc.assert(property, { numRuns: 1_000, seed: 3 })
  }, 60_000)
})
