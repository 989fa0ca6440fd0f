import type { IncomingMessage } from 'node:http'
import { S3Fault } from './errors.ts'

/** A request as S3 sees it: target decoded once, headers as they were sent. */
export type S3Request = {
  readonly method: string
  /** Before the `?`, as it came. */
  readonly rawPath: string
  /** Decoded pairs in their order; `?x` is `['x', '']`, `+` is a plus. */
  readonly query: readonly (readonly [name: string, value: string])[]
  /** First value of each query name. */
  readonly params: ReadonlyMap<string, string>
  /** By lower-case name; the values of a repeated header joined with `,`. Latin-1 text. */
  readonly headers: ReadonlyMap<string, string>
  /** Empty for the service itself. */
  readonly bucket: string
  /** Empty for the bucket itself. May end with `/`. */
  readonly key: string
}

/**
 * Reads target and headers. `domains`: host names whose subdomains are buckets (virtual-host style). `host`: what
 * a trusted proxy says that the client sent as Host, which is what the client signed. Faults: InvalidURI.
 */
export function readRequest(
  message: Pick<IncomingMessage, 'url' | 'method' | 'rawHeaders'>,
  domains: readonly string[],
  host: string | null = null,
): S3Request {
  const target = message.url ?? ''
  if (!target.startsWith('/')) throw new S3Fault('InvalidURI')
  const mark = target.indexOf('?')
  const rawPath = mark < 0 ? target : target.slice(0, mark)
  const query = mark < 0 ? [] : readQuery(target.slice(mark + 1))
  const headers = readHeaders(message.rawHeaders)
  if (host !== null) headers.set('host', host)
  const hosted = bucketOfHost(headers.get('host') ?? '', domains)
  const path = hosted === null ? rawPath.slice(1) : `${hosted}${rawPath}`
  const slash = path.indexOf('/')
  const bucket = decodeUri(slash < 0 ? path : path.slice(0, slash))
  const key = slash < 0 ? '' : decodeUri(path.slice(slash + 1))
  const params = new Map<string, string>()
  for (const [name, value] of query) if (!params.has(name)) params.set(name, value)
  return { method: message.method ?? '', rawPath, query, params, headers, bucket, key }
}

/** The host name without port, and without the bucket in front of one of `domains`. */
export function siteHost(request: S3Request, domains: readonly string[]): string {
  const name = hostName(request.headers.get('host') ?? '')
  return domains.find((domain) => name.endsWith(`.${domain}`)) ?? name
}

/** Percent-decodes UTF-8 text. Raw bytes above ASCII count as themselves. Fault InvalidURI. */
export function decodeUri(raw: string): string {
  if (!/[%\x80-\uffff]/.test(raw)) return raw
  try {
    return decodeURIComponent(raw.replace(/[\x80-\xff]/g, percentOf))
  } catch {
    throw new S3Fault('InvalidURI', 'The URI is not percent-encoded UTF-8.')
  }
}

function percentOf(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`
}

function readQuery(raw: string): (readonly [string, string])[] {
  const pairs: (readonly [string, string])[] = []
  for (const piece of raw.split('&')) {
    if (piece === '') continue
    const equals = piece.indexOf('=')
    const name = equals < 0 ? piece : piece.slice(0, equals)
    const value = equals < 0 ? '' : piece.slice(equals + 1)
    pairs.push([decodeUri(name), decodeUri(value)])
  }
  return pairs
}

function readHeaders(raw: readonly string[]): Map<string, string> {
  const headers = new Map<string, string>()
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = (raw[index] ?? '').toLowerCase()
    const value = raw[index + 1] ?? ''
    const held = headers.get(name)
    headers.set(name, held === undefined ? value : `${held},${value}`)
  }
  return headers
}

function bucketOfHost(host: string, domains: readonly string[]): string | null {
  const name = hostName(host)
  for (const domain of domains) {
    const bucket = name.slice(0, -domain.length - 1)
    if (bucket !== '' && name.endsWith(`.${domain}`)) return bucket
  }
  return null
}

function hostName(host: string): string {
  return host
    .replace(/:\d*$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase()
}
