import type { Exchange } from '#net/http-server.ts'
import { readXml } from '#net/xml.ts'
import { answerEmpty, answerXml, bucketPath, type Call, originOf } from '../call.ts'
import { S3Fault } from '../errors.ts'
import type { PostForm } from '../form.ts'
import { givenMetadata, tagsOf } from '../given-metadata.ts'
import { placeOfKey } from '../keys.ts'
import { element, xmlDocument } from '../markup.ts'
import { checkPostPolicy, type PostLimits } from '../post-policy.ts'
import { storeObject } from './put-object.ts'
import { readTags } from './tagging.ts'

/** POST bucket: an upload from a browser's form. Rights are those of PutObject. */
export async function postObject(call: Call, form: PostForm, now: number): Promise<void> {
  const { fields } = form
  const limits = limitsOf(call, fields, now)
  const key = fields.get('key') ?? ''
  if (key === '') throw new S3Fault('InvalidArgument', `Bucket POST must contain a field named 'key'.`)
  const put = asPut(call, form, key, limits)
  const place = placeOfKey(bucketPath(put), key)
  if (place.folder) throw new S3Fault('InvalidArgument', 'A form uploads a file, not a folder marker.')
  const metadata = { ...givenMetadata(put), tags: await readTagging(fields.get('tagging')) }
  const { md5, checksums } = await storeObject(put, place, metadata)
  answer(call, fields, key, md5, checksums)
}

/** A signed form must keep its policy; a guest's has none, and may be as large as a PUT. */
function limitsOf(call: Call, fields: ReadonlyMap<string, string>, now: number): PostLimits {
  const policy = fields.get('policy')
  if (call.signed !== null && policy !== undefined) {
    return checkPostPolicy(policy, fields, call.request.bucket, now)
  }
  return { least: 0, most: Number.POSITIVE_INFINITY }
}

/** The PUT that says the same as the form: its fields are the headers of the object. */
function asPut(call: Call, form: PostForm, key: string, limits: PostLimits): Call {
  const headers = new Map<string, string>()
  for (const [name, value] of form.fields) {
    const text = Buffer.from(value).toString('latin1')
    if (/[\0-\x08\x0a-\x1f\x7f]/.test(text) && isKept(name))
      throw new S3Fault('InvalidArgument', `The field ${name} holds a control character.`)
    if (name === 'acl') headers.set('x-amz-acl', text)
    else if (isKept(name)) headers.set(name, text)
  }
  const exchange: Exchange = { ...call.exchange, body: measured(form.file, limits) }
  return { ...call, exchange, request: { ...call.request, key, headers, params: new Map() } }
}

const CONTENT = /^(content-(type|disposition|encoding|language|md5)|cache-control|expires)$/

function isKept(name: string): boolean {
  if (name === 'x-amz-content-sha256' || name === 'x-amz-trailer') return false
  return CONTENT.test(name) || name.startsWith('x-amz-')
}

async function* measured(
  file: AsyncIterable<Uint8Array>,
  { least, most }: PostLimits,
): AsyncGenerator<Uint8Array> {
  let length = 0
  for await (const chunk of file) {
    length += chunk.length
    if (length > most) {
      const details = { ProposedSize: String(length), MaxSizeAllowed: String(most) }
      throw new S3Fault('EntityTooLarge', 'Your proposed upload exceeds the maximum allowed size', details)
    }
    yield chunk
  }
  if (length >= least) return
  const details = { ProposedSize: String(length), MinSizeAllowed: String(least) }
  throw new S3Fault(
    'EntityTooSmall',
    'Your proposed upload is smaller than the minimum allowed size',
    details,
  )
}

async function readTagging(text: string | undefined): Promise<Record<string, string>> {
  if (text === undefined || text === '') return tagsOf([])
  try {
    const limits = { maxBytes: 20 * 1024, maxNodes: 500, maxDepth: 16 }
    return readTags(await readXml(once(Buffer.from(text)), limits))
  } catch (error) {
    throw error instanceof S3Fault ? error : new S3Fault('MalformedXML')
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

function answer(
  call: Call,
  fields: ReadonlyMap<string, string>,
  key: string,
  md5: string,
  checksums: Readonly<Record<string, string>>,
): void {
  const { bucket, rawPath } = call.request
  const etag = `"${md5}"`
  const redirect = redirection(fields.get('success_action_redirect') ?? fields.get('redirect'), {
    bucket,
    key,
    etag,
  })
  if (redirect !== null) {
    answerEmpty(call, 303, { ETag: etag, Location: redirect })
    return
  }
  const path = key.split('/').map(encodeURIComponent).join('/')
  const location = `${originOf(call)}${rawPath.replace(/\/$/, '')}/${path}`
  const common = { ETag: etag, Location: location, ...checksums }
  const status = fields.get('success_action_status')
  if (status !== '201') {
    answerEmpty(call, status === '200' ? 200 : 204, common)
    return
  }
  const inner =
    element('Location', location) + element('Bucket', bucket) + element('Key', key) + element('ETag', etag)
  answerXml(call, xmlDocument('PostResponse', inner, ''), common, 201)
}

/** Where the browser goes on; null when the form names nothing that is a web address. */
function redirection(text: string | undefined, result: Readonly<Record<string, string>>): string | null {
  if (text === undefined || !/^https?:\/\//i.test(text) || !URL.canParse(text)) return null
  const url = new URL(text)
  for (const [name, value] of Object.entries(result)) url.searchParams.append(name, value)
  return url.href
}
