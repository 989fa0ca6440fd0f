import { createHmac, type KeyObject, timingSafeEqual } from 'node:crypto'
import type { AccessSecret, Proof } from '#credentials/proof.ts'
import { canonicalRequest, type Scope, signingKey, stringToSign } from './canonical.ts'
import { type S3Code, S3Fault } from './errors.ts'
import type { S3Request } from './request.ts'

/** What a request says of its signature, read but not yet proven. */
export type Claim = {
  readonly mode: 'header' | 'presigned' | 'form'
  readonly accessKeyId: string
  readonly scope: Scope
  /** `yyyymmddThhmmssZ` */
  readonly timestamp: string
  readonly signedHeaders: readonly string[]
  /** 64 hex digits, or whatever else was sent. */
  readonly signature: string
  /** `UNSIGNED-PAYLOAD`, `STREAMING-…` or the hex SHA-256 of the body. */
  readonly payload: string
}

/** What no secret can make right, as the audit calls it, and the access key id that was named. */
export type Unprovable = { readonly accessKeyId: string; readonly reason: UnprovableReason }
type UnprovableReason =
  | 'malformed_signature'
  | 'skewed_signature'
  | 'expired_signature'
  | 'unsupported_signature'

/** Why a presented signature was refused before a secret was asked. */
export function unprovable(
  { headers, params }: Pick<S3Request, 'headers' | 'params'>,
  fault: S3Fault,
): Unprovable {
  const text = headers.get('authorization') ?? ''
  const [, version2 = ''] = /^AWS ([^:]{1,128}):/.exec(text) ?? []
  const [, version4 = ''] = /Credential=([^/,]{1,128})/.exec(text) ?? []
  const presigned = (params.get('X-Amz-Credential') ?? '').split('/')[0] ?? ''
  const named = [version2, version4, presigned, params.get('AWSAccessKeyId') ?? ''].find((id) => id !== '')
  return { accessKeyId: (named ?? '').slice(0, 128), reason: reasonOf(fault) }
}

function reasonOf({ s3Code, message }: S3Fault): UnprovableReason {
  if (message === USE_V4) return 'unsupported_signature'
  if (s3Code === 'RequestTimeTooSkewed' || message === NOT_YET) return 'skewed_signature'
  return message === EXPIRED ? 'expired_signature' : 'malformed_signature'
}

/** A claim with its proof for the gate. `key()` is the signing key, null until a secret has matched. */
export type SignedRequest = { readonly claim: Claim; readonly proof: Proof; key(): KeyObject | null }

const MAX_SKEW = 15 * 60_000
const MAX_EXPIRES = 604_800
const EXPIRED = 'Request has expired'
const NOT_YET = 'Request is not valid yet'
export const USE_V4 =
  'The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256' +
  ' (Signature Version 4): signature_version = s3v4 and a region such as "local" in boto3 and aws,' +
  ' signature_v2 = False in s3cmd, v2_auth = false in rclone.'

/**
 * Reads the SigV4 signature of a request, from its header or its presigned query; null when nothing at all
 * was presented. Checks form, time and what must be signed. `now` in milliseconds.
 */
export function readSignature(request: S3Request, now: number): SignedRequest | null {
  // An empty header presents nothing.
  const authorization = request.headers.get('authorization')?.trim() || undefined
  const { params } = request
  const presigned = params.has('X-Amz-Signature') || params.has('X-Amz-Algorithm')
  if (params.has('AWSAccessKeyId')) throw new S3Fault('InvalidRequest', USE_V4)
  if (authorization !== undefined && presigned) {
    throw new S3Fault('InvalidRequest', 'Only one authentication mechanism is allowed.')
  }
  if (authorization === undefined && !presigned) return null
  const claim = authorization === undefined ? readPresigned(request, now) : readHeader(request, authorization)
  checkTime(claim, params, now)
  checkCoverage(request, claim)
  return prove(request, claim)
}

function readHeader(request: S3Request, authorization: string): Claim {
  const [algorithm = '', rest = ''] = splitOnce(authorization, ' ')
  if (algorithm !== 'AWS4-HMAC-SHA256') throw new S3Fault('InvalidRequest', USE_V4)
  const fields = new Map<string, string>()
  for (const piece of rest.split(',')) {
    const [name, value] = splitOnce(piece.trim(), '=')
    fields.set(name, value)
  }
  const code = 'AuthorizationHeaderMalformed'
  const timestamp = headerTimestamp(request)
  const payload = request.headers.get('x-amz-content-sha256')
  if (payload === undefined) {
    throw new S3Fault('InvalidRequest', 'Missing required header for this request: x-amz-content-sha256')
  }
  return {
    mode: 'header',
    ...readCredential(fields.get('Credential') ?? '', timestamp, code),
    timestamp,
    signedHeaders: readSignedHeaders(fields.get('SignedHeaders') ?? '', code),
    signature: fields.get('Signature') ?? '',
    payload,
  }
}

function readPresigned({ params, headers }: S3Request, now: number): Claim {
  const code = 'AuthorizationQueryParametersError'
  if (params.get('X-Amz-Algorithm') !== 'AWS4-HMAC-SHA256') throw new S3Fault('InvalidRequest', USE_V4)
  const timestamp = params.get('X-Amz-Date') ?? ''
  const expires = params.get('X-Amz-Expires') ?? ''
  if (!/^\d{1,6}$/.test(expires) || Number(expires) < 1 || Number(expires) > MAX_EXPIRES) {
    throw new S3Fault(code, 'X-Amz-Expires must be a whole number of seconds from 1 to 604800')
  }
  const credential = readCredential(params.get('X-Amz-Credential') ?? '', timestamp, code)
  if (now > parseTimestamp(timestamp, code) + Number(expires) * 1_000) {
    throw new S3Fault('AccessDenied', EXPIRED, { 'X-Amz-Expires': expires })
  }
  return {
    mode: 'presigned',
    ...credential,
    timestamp,
    signedHeaders: readSignedHeaders(params.get('X-Amz-SignedHeaders') ?? '', code),
    signature: params.get('X-Amz-Signature') ?? '',
    payload: headers.get('x-amz-content-sha256') ?? params.get('X-Amz-Content-Sha256') ?? 'UNSIGNED-PAYLOAD',
  }
}

/** Reads `id/yyyymmdd/region/s3/aws4_request`, whose day is that of the request. Fault with this code. */
export function readCredential(
  text: string,
  timestamp: string,
  code: S3Code,
): Pick<Claim, 'accessKeyId' | 'scope'> {
  const [, accessKeyId = '', date = '', region = '', service, end] =
    /^(.+)\/(\d{8})\/([A-Za-z0-9-]{1,64})\/([^/]+)\/([^/]+)$/.exec(text) ?? []
  if (accessKeyId === '')
    throw new S3Fault(code, 'The credential is mal-formed: id/yyyymmdd/region/s3/aws4_request.')
  if (service !== 's3' || end !== 'aws4_request') {
    throw new S3Fault(code, 'The credential scope must end in s3/aws4_request.')
  }
  if (date !== timestamp.slice(0, 8))
    throw new S3Fault(code, 'The date of the credential is not that of the request.')
  return { accessKeyId, scope: { date, region } }
}

function readSignedHeaders(text: string, code: S3Code): string[] {
  const names = text.split(';')
  const inOrder = names.every((name, index) => index === 0 || name > (names[index - 1] ?? ''))
  if (!inOrder || !/^[a-z0-9;\-._]+$/.test(text)) {
    throw new S3Fault(code, 'SignedHeaders must be lower case, sorted and without repetition.')
  }
  return names
}

function headerTimestamp({ headers }: S3Request): string {
  const text = headers.get('x-amz-date') ?? headers.get('date') ?? ''
  if (/^\d{8}T\d{6}Z$/.test(text)) return text
  const time = Date.parse(text)
  if (Number.isNaN(time)) {
    throw new S3Fault('AccessDenied', 'AWS authentication requires a valid Date or x-amz-date header')
  }
  return new Date(time).toISOString().replace(/\.\d+|[-:]/g, '')
}

function parseTimestamp(text: string, code: S3Code): number {
  const time = Date.parse(text.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'))
  if (text.length !== 16 || Number.isNaN(time)) throw new S3Fault(code, 'The date must be yyyymmddThhmmssZ.')
  return time
}

function checkTime(claim: Claim, params: S3Request['params'], now: number): void {
  const presigned = claim.mode === 'presigned'
  const time = parseTimestamp(
    claim.timestamp,
    presigned ? 'AuthorizationQueryParametersError' : 'AuthorizationHeaderMalformed',
  )
  if (presigned && time - now > MAX_SKEW) throw new S3Fault('AccessDenied', NOT_YET)
  if (presigned || Math.abs(time - now) <= MAX_SKEW) return
  throw new S3Fault('RequestTimeTooSkewed', undefined, {
    RequestTime: params.get('X-Amz-Date') ?? claim.timestamp,
    ServerTime: new Date(now).toISOString(),
    MaxAllowedSkewMilliseconds: String(MAX_SKEW),
  })
}

/** An unsigned header could be added on the way: `host` and each `x-amz-*` that is there must be signed. */
function checkCoverage({ headers }: S3Request, { signedHeaders }: Claim): void {
  const signed = new Set(signedHeaders)
  for (const name of headers.keys()) {
    if (signed.has(name) || (name !== 'host' && !name.startsWith('x-amz-'))) continue
    throw new S3Fault('AccessDenied', 'There were headers present in the request which were not signed', {
      HeadersNotSigned: name,
    })
  }
}

function prove(request: S3Request, claim: Claim): SignedRequest {
  const { scope, signedHeaders, signature } = claim
  const text = stringToSign(canonicalRequest(request, signedHeaders, claim.payload), claim.timestamp, scope)
  // What cannot be right is refused by the same steps in the same time.
  const possible =
    /^[0-9a-f]{64}$/.test(signature) && signedHeaders.includes('host') && allPresent(request, signedHeaders)
  return proofOf(claim, text, possible)
}

/** The proof that a claim's signature is that of a text; with `possible` false it never is, after the same work. */
export function proofOf(claim: Claim, text: string, possible: boolean): SignedRequest {
  const { scope, signature, accessKeyId } = claim
  let proven: KeyObject | null = null
  const matches = (secret: AccessSecret): boolean => {
    const key = signingKey(secret, scope)
    const right = sameSignature(createHmac('sha256', key).update(text).digest(), signature)
    if (!possible || !right) return false
    proven = key
    return true
  }
  return { claim, proof: { kind: 'sigv4', accessKeyId, matches }, key: () => proven }
}

function allPresent({ headers }: S3Request, names: readonly string[]): boolean {
  return names.every((name) => headers.has(name))
}

/** Compares 32 bytes with hex text in constant time. */
export function sameSignature(expected: Buffer, given: string): boolean {
  const bytes = Buffer.alloc(32)
  const right = Buffer.from(given.slice(0, 64), 'hex').copy(bytes) === 32 && given.length === 64
  return timingSafeEqual(expected, bytes) && right
}

function splitOnce(text: string, mark: string): [string, string] {
  const at = text.indexOf(mark)
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
}
