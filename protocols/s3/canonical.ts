import { createHmac, createSecretKey, hash, type KeyObject } from 'node:crypto'
import type { AccessSecret } from '#credentials/proof.ts'
import { decodeUri, type S3Request } from './request.ts'

/** What a signature is bound to: `yyyymmdd/region/s3/aws4_request`. */
export type Scope = { readonly date: string; readonly region: string }

export function scopeText({ date, region }: Scope): string {
  return `${date}/${region}/s3/aws4_request`
}

/**
 * The canonical request (SigV4, S3's rules: each path segment decoded once and encoded once, nothing else
 * normalised). Latin-1 text. `signedHeaders` are lower case, sorted and present.
 */
export function canonicalRequest(
  request: S3Request,
  signedHeaders: readonly string[],
  payload: string,
): string {
  const headers = signedHeaders.map((name) => `${name}:${foldSpaces(request.headers.get(name) ?? '')}\n`)
  return [
    request.method,
    canonicalPath(request.rawPath),
    canonicalQuery(request.query),
    headers.join(''),
    signedHeaders.join(';'),
    payload,
  ].join('\n')
}

/** The text that is signed for a request. `timestamp` is `yyyymmddThhmmssZ`. */
export function stringToSign(canonical: string, timestamp: string, scope: Scope): string {
  const digest = hash('sha256', Buffer.from(canonical, 'latin1'), 'hex')
  return `AWS4-HMAC-SHA256\n${timestamp}\n${scopeText(scope)}\n${digest}`
}

const UNRESERVED = /^[A-Za-z0-9\-._~]*$/

function encode(text: string): string {
  if (UNRESERVED.test(text)) return text
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

function canonicalPath(rawPath: string): string {
  if (/^[A-Za-z0-9\-._~/]*$/.test(rawPath)) return rawPath
  return rawPath
    .split('/')
    .map((segment) => encode(decodeUri(segment)))
    .join('/')
}

function canonicalQuery(query: S3Request['query']): string {
  if (query.length === 0) return ''
  const pairs: [string, string][] = []
  for (const [name, value] of query) {
    if (name !== 'X-Amz-Signature') pairs.push([encode(name), encode(value)])
  }
  // Encoded text is ASCII, so this is the order of the bytes.
  pairs.sort(([a, x], [b, y]) => compare(a, b) || compare(x, y))
  return pairs.map(([name, value]) => `${name}=${value}`).join('&')
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function foldSpaces(value: string): string {
  return /^ | $| {2}|\t/.test(value) ? value.replace(/[ \t]+/g, ' ').replace(/^ | $/g, '') : value
}

/** Signing keys by secret, so that they go when the secret does; few per secret, whatever regions come. */
const signingKeys = new WeakMap<AccessSecret, Map<string, KeyObject>>()
const MAX_KEYS_PER_SECRET = 4

/** The key of SigV4 for one day and region. A KeyObject makes the HMAC five times cheaper than a Buffer. */
export function signingKey(secret: AccessSecret, { date, region }: Scope): KeyObject {
  const keys = signingKeys.get(secret) ?? new Map<string, KeyObject>()
  signingKeys.set(secret, keys)
  const mark = `${date}/${region}`
  const held = keys.get(mark)
  if (held !== undefined) return held
  const key = createSecretKey(derive(secret.text, date, region))
  const [oldest] = keys.keys()
  if (oldest !== undefined && keys.size >= MAX_KEYS_PER_SECRET) keys.delete(oldest)
  keys.set(mark, key)
  return key
}

function derive(secret: string, ...steps: string[]): Buffer {
  return [...steps, 's3', 'aws4_request'].reduce(
    (key, step) => createHmac('sha256', key).update(step).digest(),
    Buffer.from(`AWS4${secret}`),
  )
}
