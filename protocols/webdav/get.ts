import { randomUUID } from 'node:crypto'
import { Fault } from '#faults'
import type { Entry, Files, OpenFile } from '#files/types.ts'
import { evaluateConditions, ifRangeHolds } from '#net/conditions.ts'
import { httpDate } from '#net/dates.ts'
import { type ByteSpan, endWithFile, sendFile } from '#net/pump.ts'
import { contentRange, parseRanges } from '#net/ranges.ts'
import type { VirtualPath } from '#permissions/path.ts'
import { type Call, validatorsOf } from './call.ts'
import { listing } from './listing.ts'
import { contentType } from './props.ts'
import { type Reply, textReply } from './reply.ts'

/** GET and HEAD (RFC 9110 §9.3.1): a file or ranges of it; a folder as a page. */
export async function get(call: Call): Promise<Reply | null> {
  await using file = await openUnlessFolder(call.session.files, call.path)
  // Awaited here: the file is closed when this function ends.
  return file === null ? await listing(call) : await serve(call, file)
}

async function openUnlessFolder(files: Files, path: VirtualPath): Promise<OpenFile | null> {
  try {
    return await files.open(path)
  } catch (error) {
    if (error instanceof Fault && error.code === 'unsupported') return null
    throw error
  }
}

async function serve(call: Call, file: OpenFile): Promise<Reply | null> {
  const { exchange, headers } = call
  const { entry } = file
  const method = exchange.request.method ?? ''
  const validators = validatorsOf(entry)
  const outcome = evaluateConditions(method, headers, validators)
  if (outcome === 'precondition') throw new Fault('precondition', 'the file is another version')
  const type = contentType(entry.name)
  const common = headersOf(entry, type)
  if (outcome === 'not_modified') return { status: 304, headers: common }
  const honoured = method === 'GET' && ifRangeHolds(headers, validators)
  const range = parseRanges(honoured ? headers.range : undefined, entry.size)
  if (range.kind === 'none') {
    return textReply(416, 'no such range', { 'Content-Range': `bytes */${entry.size}` })
  }
  if (range.kind === 'spans' && range.spans.length > 1) return sendParts(call, file, range.spans, type)
  const [span] = range.kind === 'spans' ? range.spans : [{ start: 0, end: entry.size }]
  const { response } = exchange
  response.writeHead(range.kind === 'spans' ? 206 : 200, {
    ...common,
    'Content-Type': type,
    'Content-Length': span.end - span.start,
    ...(range.kind === 'spans' ? { 'Content-Range': contentRange(span, entry.size) } : {}),
  })
  if (method === 'GET') await endWithFile(file, response, span, call.session.signal)
  else response.end()
  return null
}

function headersOf(entry: Entry, type: string): Record<string, string> {
  const headers: Record<string, string> = {
    ETag: `"${entry.version}"`,
    'Last-Modified': httpDate(entry.modified),
    'Accept-Ranges': 'bytes',
    'Cache-Control': 'private, no-cache',
    'X-Content-Type-Options': 'nosniff',
  }
  // A page that someone uploaded must not run script with the credentials that the browser holds for us.
  if (/html|xml/.test(type)) headers['Content-Security-Policy'] = 'sandbox'
  return headers
}

/** Several ranges as multipart/byteranges (RFC 9110 §14.6). */
async function sendParts(
  call: Call,
  file: OpenFile,
  spans: readonly ByteSpan[],
  type: string,
): Promise<null> {
  const { response } = call.exchange
  const { entry } = file
  const boundary = randomUUID()
  const parts = spans.map((span) => ({
    span,
    head: `\r\n--${boundary}\r\nContent-Type: ${type}\r\nContent-Range: ${contentRange(span, entry.size)}\r\n\r\n`,
  }))
  const tail = `\r\n--${boundary}--\r\n`
  const length = parts.reduce((sum, { span, head }) => sum + head.length + span.end - span.start, tail.length)
  response.writeHead(206, {
    ...headersOf(entry, type),
    'Content-Type': `multipart/byteranges; boundary=${boundary}`,
    'Content-Length': length,
  })
  for (const { span, head } of parts) {
    response.write(head)
    await sendFile(file, response, span, call.session.signal)
  }
  response.end(tail)
  return null
}
