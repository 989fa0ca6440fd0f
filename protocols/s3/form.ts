import { type S3Code, S3Fault } from './errors.ts'
import type { S3Request } from './request.ts'

/** A browser's form, read as far as its file: fields behind that are ignored, as S3 does. */
export type PostForm = {
  /** By lower-case name. */
  readonly fields: ReadonlyMap<string, string>
  /** As the browser calls it, without folders. */
  readonly fileName: string
  /** Once. Ends with Fault MalformedPOSTRequest when the form breaks off. */
  readonly file: AsyncIterable<Uint8Array>
}

const MAX_FIELDS_BYTES = 20 * 1024
const MAX_FIELDS = 200
const TOO_LARGE = 'MaxPostPreDataLengthExceededError'
const FILE_NAME = `\${filename}`
const MAX_HEAD_BYTES = 4 * 1024
const MAX_BEHIND_FILE = 64 * 1024

/** True for what may be a browser's upload: a POST to a bucket that asks for nothing else. */
export function isFormPost({ method, bucket, key, query, headers }: S3Request): boolean {
  return (
    method === 'POST' && bucket !== '' && key === '' && query.length === 0 && !headers.has('authorization')
  )
}

/** The boundary of a `multipart/form-data` body; null for any other type. Fault MalformedPOSTRequest. */
export function formBoundary(contentType: string | undefined): string | null {
  if (!/^multipart\/form-data\s*(;|$)/i.test(contentType ?? '')) return null
  const [, quoted, plain] = /;\s*boundary=(?:"([^"]*)"|([^;,\s]+))/i.exec(contentType ?? '') ?? []
  const boundary = quoted ?? plain ?? ''
  if (!/^[\x20-\x7e]{1,70}$/.test(boundary)) throw new S3Fault('MalformedPOSTRequest')
  return boundary
}

/** Reads `multipart/form-data` (RFC 7578) up to the bytes of its file; never holds more than a few chunks. */
export async function readForm(body: AsyncIterable<Uint8Array>, boundary: string): Promise<PostForm> {
  const source: Source = { chunks: body[Symbol.asyncIterator](), held: Buffer.alloc(0) }
  const fields = new Map<string, string>()
  let left = MAX_FIELDS_BYTES
  await skipBreak(source)
  await take(source, `--${boundary}`, 0)
  for (let count = 0; count <= MAX_FIELDS && (await lineOf(source)) === ''; count++) {
    const { name, fileName } = readPartHead(await take(source, '\r\n\r\n', MAX_HEAD_BYTES))
    if (name === 'file') {
      const stop = `\r\n--${boundary}`
      return { fields: expanded(fields, fileName), fileName, file: until(source, stop) }
    }
    const value = await take(source, `\r\n--${boundary}`, left, TOO_LARGE)
    left -= value.length + name.length
    if (left < 0) throw new S3Fault(TOO_LARGE)
    if (fields.has(name)) throw new S3Fault('InvalidArgument', `The form has the field ${name} twice.`)
    fields.set(name, value.toString())
  }
  throw new S3Fault('InvalidArgument', 'POST requires exactly one file upload per request.')
}

/** `${filename}` in any field is the name of the file; policies speak of what comes out. */
function expanded(fields: ReadonlyMap<string, string>, fileName: string): Map<string, string> {
  return new Map([...fields].map(([name, value]) => [name, value.replaceAll(FILE_NAME, () => fileName)]))
}

function readPartHead(head: Buffer): { name: string; fileName: string } {
  const line = head
    .toString()
    .split('\r\n')
    .find((one) => /^content-disposition\s*:/i.test(one))
  if (line === undefined || !/:\s*form-data\s*;/i.test(line)) throw new S3Fault('MalformedPOSTRequest')
  const name = parameter(line, 'name')
  if (name === null || name === '') throw new S3Fault('MalformedPOSTRequest')
  const path = parameter(line, 'filename') ?? ''
  return {
    name: name.toLowerCase(),
    fileName: path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1),
  }
}

/** Browsers write `"` and line breaks in names as %22, %0D and %0A, older clients with a backslash. */
function parameter(line: string, name: string): string | null {
  const [, quoted, plain] =
    new RegExp(`;\\s*${name}=(?:"((?:[^"\\\\]|\\\\.)*)"|([^;\\s]+))`, 'i').exec(line) ?? []
  if (quoted === undefined) return plain ?? null
  return quoted
    .replace(/\\(["\\])/g, '$1')
    .replace(/%(22|0d|0a)/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}

/** A body that is read piece by piece: what came of it and was not taken yet. */
type Source = { readonly chunks: AsyncIterator<Uint8Array>; held: Buffer }

async function more(source: Source): Promise<void> {
  const { value, done } = await source.chunks.next()
  if (done) throw new S3Fault('MalformedPOSTRequest')
  source.held = source.held.length === 0 ? Buffer.from(value) : Buffer.concat([source.held, value])
}

/** Passes over a line break in front of the first boundary. */
async function skipBreak(source: Source): Promise<void> {
  while (source.held.length < 2) await more(source)
  if (source.held.subarray(0, 2).toString() === '\r\n') source.held = source.held.subarray(2)
}

/** What stands before `mark`, which is taken too. At most `limit` bytes. */
async function take(
  source: Source,
  mark: string,
  limit: number,
  code: S3Code = 'MalformedPOSTRequest',
): Promise<Buffer> {
  for (let from = 0; ; ) {
    const { held } = source
    const at = held.indexOf(mark, from)
    if (at > limit || (at < 0 && held.length > limit + mark.length)) throw new S3Fault(code)
    if (at >= 0) {
      source.held = held.subarray(at + mark.length)
      return held.subarray(0, at)
    }
    from = Math.max(0, held.length - mark.length)
    await more(source)
  }
}

/** The rest of a boundary's line: empty, or `--` behind the last one. */
async function lineOf(source: Source): Promise<string> {
  while (source.held.length < 2) await more(source)
  if (source.held.subarray(0, 2).toString() === '--') return '--'
  return (await take(source, '\r\n', 128)).toString().trim()
}

/** Bytes up to `mark`, as they come; then the rest of the body is passed over. */
async function* until(source: Source, mark: string): AsyncGenerator<Uint8Array> {
  for (;;) {
    const { held } = source
    const at = held.indexOf(mark)
    // What may be the beginning of the mark waits for the next chunk.
    const safe = at >= 0 ? at : held.length - mark.length + 1
    if (safe > 0) yield held.subarray(0, safe)
    source.held = held.subarray(at >= 0 ? at + mark.length : Math.max(safe, 0))
    if (at >= 0) break
    await more(source)
  }
  await passOver(source)
}

/** Behind the file: the end of its boundary, and whatever fields a client puts there. */
async function passOver({ chunks, held }: Source): Promise<void> {
  let first = held
  let length = held.length
  for (;;) {
    const { value, done } = await chunks.next()
    if (done) break
    if (first.length < 2) first = Buffer.concat([first, value])
    length += value.length
    if (length > MAX_BEHIND_FILE) throw new S3Fault('MalformedPOSTRequest')
  }
  const end = first.subarray(0, 2).toString()
  if (end !== '--' && end !== '\r\n') throw new S3Fault('MalformedPOSTRequest')
}
