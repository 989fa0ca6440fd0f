import type { OpenFile } from '#files/types.ts'
import { evaluateConditions, ifRangeHolds } from '#net/conditions.ts'
import { type ByteSpan, endWithFile } from '#net/pump.ts'
import { contentRange, parseRanges } from '#net/ranges.ts'
import type { VirtualPath } from '#permissions/path.ts'
import {
  type AnswerHeaders,
  answerEmpty,
  bucketPath,
  type Call,
  header,
  isFault,
  type Operation,
  param,
} from '../call.ts'
import { S3Fault } from '../errors.ts'
import { type KeyPlace, placeOfKey } from '../keys.ts'
import { checksumHeaders, type Described, describe, etagOf, objectHeaders, statObject } from '../objects.ts'

/** GET object. Bytes and metadata are of one version, whatever happens to the name meanwhile. */
export const getObject: Operation = async (call) => {
  const place = placeOfKey(bucketPath(call), call.request.key)
  if (place.folder) return answerFolder(call, place)
  await using file = await openObject(call, place.path)
  const described = await describe(call.session.files, file.entry)
  const answer = answerOf(call, described)
  if (answer === null) return
  const { response } = call.exchange
  response.writeHead(answer.status, answer.headers)
  await endWithFile(file, response, answer.span, call.session.signal)
}

/** HEAD object */
export const headObject: Operation = async (call) => {
  const place = placeOfKey(bucketPath(call), call.request.key)
  if (place.folder) return answerFolder(call, place)
  const described = await statOrOpen(call, place)
  const answer = answerOf(call, described)
  if (answer === null) return
  call.exchange.response.writeHead(answer.status, answer.headers).end()
}

/** Opens a file; Fault NoSuchKey for a folder. */
export async function openObject(call: Call, path: VirtualPath): Promise<OpenFile> {
  try {
    return await call.session.files.open(path)
  } catch (error) {
    // A folder is no object.
    throw isFault(error, 'unsupported') ? new S3Fault('NoSuchKey') : error
  }
}

/** Who may read but not list can ask for a HEAD all the same, as in S3. */
export async function statOrOpen(call: Call, place: KeyPlace): Promise<Described> {
  const { files } = call.session
  try {
    return await statObject(files, place)
  } catch (error) {
    if (!isFault(error, 'forbidden', 'not_found') || error instanceof S3Fault) throw error
    await using file = await openObject(call, place.path).catch(() => {
      throw error
    })
    return await describe(files, file.entry)
  }
}

/** `dir/`: zero bytes for any folder that is there. */
async function answerFolder(call: Call, place: KeyPlace): Promise<void> {
  const described = await statObject(call.session.files, place)
  if (refuseByConditions(call, described)) return
  answerEmpty(call, 200, { ...objectHeaders(described), ...overrides(call) })
}

type ObjectAnswer = { readonly status: number; readonly headers: AnswerHeaders; readonly span: ByteSpan }

/** What to answer; null when 304 was answered already. Faults PreconditionFailed, InvalidRange. */
function answerOf(call: Call, described: Described): ObjectAnswer | null {
  if (refuseByConditions(call, described)) return null
  const { size } = described.entry
  const common = { ...objectHeaders(described), ...overrides(call) }
  const part = partSpan(call, described)
  const span = part?.span ?? rangeSpan(call, described)
  // A range has no checksum of its own; a part has.
  const wanted = header(call, 'x-amz-checksum-mode')?.toUpperCase() === 'ENABLED'
  const checksums =
    wanted && (span === null || part !== null) ? checksumHeaders(described.metadata, part?.number) : {}
  if (span === null) {
    const headers = { ...common, 'Content-Length': size, ...checksums }
    return { status: 200, headers, span: { start: 0, end: size } }
  }
  const headers: AnswerHeaders = {
    ...common,
    'Content-Length': span.end - span.start,
    ...(size > 0 ? { 'Content-Range': contentRange(span, size) } : {}),
    ...checksums,
    ...(part === null ? {} : { 'x-amz-mp-parts-count': part.count }),
  }
  return { status: 206, headers, span }
}

function refuseByConditions(call: Call, described: Described): boolean {
  const current = { etag: `"${etagOf(described)}"`, modified: described.entry.modified }
  const { request } = call.exchange
  const result = evaluateConditions('GET', request.headers, current)
  if (result === 'precondition') throw new S3Fault('PreconditionFailed')
  if (result !== 'not_modified') return false
  const { ETag = '', 'Last-Modified': modified = '' } = objectHeaders(described)
  answerEmpty(call, 304, { ETag, 'Last-Modified': modified })
  return true
}

/** The one range that is to be sent; null for all. Several are answered with all, as S3 does. */
function rangeSpan(call: Call, described: Described): ByteSpan | null {
  const { size, modified } = described.entry
  const current = { etag: `"${etagOf(described)}"`, modified }
  const text = header(call, 'range')
  if (text === undefined || !ifRangeHolds(call.exchange.request.headers, current)) return null
  const range = parseRanges(text, size)
  if (range.kind === 'none') {
    throw new S3Fault('InvalidRange', undefined, { ActualObjectSize: String(size), RangeRequested: text })
  }
  return range.kind === 'spans' && range.spans.length === 1 ? range.spans[0] : null
}

type PartSpan = { readonly span: ByteSpan; readonly number: number; readonly count: number }

/** `partNumber`: the bytes that were uploaded as that part; an object that was put whole is its part 1. */
function partSpan(call: Call, { entry, metadata }: Described): PartSpan | null {
  const text = param(call, 'partNumber')
  if (text === undefined) return null
  const sizes = metadata !== null && metadata.parts.length > 0 ? metadata.parts : [entry.size]
  const number = Number(text)
  if (!/^\d{1,5}$/.test(text) || number < 1)
    throw new S3Fault('InvalidArgument', 'partNumber must be 1 or more')
  const size = sizes[number - 1]
  if (size === undefined) throw new S3Fault('InvalidPartNumber')
  const start = sizes.slice(0, number - 1).reduce((sum, bytes) => sum + bytes, 0)
  return { span: { start, end: start + size }, number, count: sizes.length }
}

const OVERRIDES: ReadonlyMap<string, string> = new Map([
  ['response-content-type', 'Content-Type'],
  ['response-content-language', 'content-language'],
  ['response-expires', 'expires'],
  ['response-cache-control', 'cache-control'],
  ['response-content-disposition', 'content-disposition'],
  ['response-content-encoding', 'content-encoding'],
])

function overrides(call: Call): AnswerHeaders {
  const headers: AnswerHeaders = {}
  for (const [name, target] of OVERRIDES) {
    const value = param(call, name)
    if (value === undefined) continue
    if (/[\0-\x1f\x7f]/.test(value))
      throw new S3Fault('InvalidArgument', `${name} holds a control character.`)
    // A guest could make this server's pages say anything.
    if (call.signed === null) throw new S3Fault('InvalidRequest', 'response-* needs a signed request.')
    headers[target] = Buffer.from(value).toString('latin1')
  }
  return headers
}
