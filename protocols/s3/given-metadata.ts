import type { Metadata } from '#files/metadata.ts'
import { type Call, header } from './call.ts'
import { S3Fault } from './errors.ts'

const CONTENT_HEADERS = [
  'content-type',
  'cache-control',
  'content-disposition',
  'content-language',
  'expires',
] as const
const USER_PREFIX = 'x-amz-meta-'
const MAX_USER_BYTES = 2048
const MOST_OBJECT_TAGS = 10

/** What the request's headers say that an object is to have; etag, checksums and parts come later. */
export function givenMetadata(call: Call): Metadata {
  refuseUnkept(call)
  return {
    etag: '',
    headers: contentHeaders(call),
    user: userMetadata(call),
    tags: parseTagging(header(call, 'x-amz-tagging') ?? ''),
    checksums: {},
    parts: [],
  }
}

function contentHeaders(call: Call): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const name of CONTENT_HEADERS) {
    const value = header(call, name)
    if (value !== undefined) headers[name] = value
  }
  // `aws-chunked` is how it came, not what it is. The rest is kept as it was written.
  const encoding = (header(call, 'content-encoding') ?? '')
    .split(',')
    .filter((coding) => coding.trim() !== '' && coding.trim().toLowerCase() !== 'aws-chunked')
    .join(',')
    .trim()
  if (encoding !== '') headers['content-encoding'] = encoding
  return headers
}

function userMetadata({ request }: Call): Record<string, string> {
  const user: Record<string, string> = Object.create(null)
  let bytes = 0
  for (const [name, value] of request.headers) {
    if (!name.startsWith(USER_PREFIX)) continue
    bytes += name.length - USER_PREFIX.length + value.length
    user[name.slice(USER_PREFIX.length)] = value
  }
  if (bytes > MAX_USER_BYTES) throw new S3Fault('MetadataTooLarge')
  return user
}

/** `a=b&c=d`, URL-encoded. Fault InvalidTag. */
export function parseTagging(text: string): Record<string, string> {
  const pairs = [...new URLSearchParams(text)]
  return tagsOf(pairs.map(([key, value]) => ({ key, value })))
}

/** A tag set that keeps S3's rules. Fault InvalidTag. */
export function tagsOf(
  pairs: readonly { key: string; value: string }[],
  most = MOST_OBJECT_TAGS,
): Record<string, string> {
  const tags: Record<string, string> = Object.create(null)
  for (const { key, value } of pairs) {
    if (key === '' || key.length > 128 || value.length > 256 || key in tags) throw new S3Fault('InvalidTag')
    tags[key] = value
  }
  if (pairs.length > most) throw new S3Fault('BadRequest', `There can be at most ${most} tags.`)
  return tags
}

const PRIVATE_ACLS = ['private', 'bucket-owner-full-control', 'bucket-owner-read']
const PUBLIC_ACLS = ['public-read', 'public-read-write']
const OTHER_ACLS = [...PUBLIC_ACLS, 'authenticated-read', 'aws-exec-read', 'log-delivery-write']

/**
 * Fault NotImplemented for what would be promised but not kept: encryption, object locks, other readers.
 * Fault InvalidArgument for a canned ACL that does not exist.
 */
export function refuseUnkept({ request }: Call): void {
  for (const [name, value] of request.headers) {
    if (!name.startsWith('x-amz-')) continue
    const promised =
      name.startsWith('x-amz-server-side-encryption') ||
      name.startsWith('x-amz-copy-source-server-side-encryption') ||
      name.startsWith('x-amz-object-lock-') ||
      name.startsWith('x-amz-grant-') ||
      name === 'x-amz-website-redirect-location' ||
      (name === 'x-amz-acl' && OTHER_ACLS.includes(value))
    if (name === 'x-amz-acl' && !promised && !PRIVATE_ACLS.includes(value))
      throw new S3Fault('InvalidArgument', 'x-amz-acl does not name a canned ACL.')
    if (promised)
      throw new S3Fault('NotImplemented', `This server does not offer ${name}: ${value.slice(0, 100)}`)
  }
}
