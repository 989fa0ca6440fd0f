import type { FastifyReply, FastifyRequest } from 'fastify'
import { Fault } from '#faults'
import type { Entry, Files, OpenFile } from '#files/types.ts'
import { cutOn } from '#net/closing.ts'
import { evaluateConditions, ifRangeHolds } from '#net/conditions.ts'
import { type ByteSpan, sendFile } from '#net/pump.ts'
import { contentRange, parseRanges } from '#net/ranges.ts'
import { baseName, type VirtualPath } from '#permissions/path.ts'
import { sessionOf } from '../access.ts'
import { contentType, filesOf, validatorsOf } from './entries.ts'

/** The file at a path; null for a folder. Faults: not_found, forbidden. */
export async function openUnlessFolder(files: Files, path: VirtualPath): Promise<OpenFile | null> {
  try {
    return await files.open(path)
  } catch (error) {
    if (error instanceof Fault && error.code === 'unsupported') return null
    // Who may list but not read still sees the list.
    if (error instanceof Fault && error.code === 'forbidden' && (await isFolder(files, path))) return null
    throw error
  }
}

async function isFolder(files: Files, path: VirtualPath): Promise<boolean> {
  const entry = await files.stat(path).catch(() => null)
  return entry?.kind === 'folder'
}

/**
 * GET and HEAD of a file (RFC 9110 §9.3.1): all of it, one range, or 304. Several ranges are answered with the
 * whole. Ends the connection when the key is revoked. Faults: precondition, range.
 */
export async function download(
  request: FastifyRequest,
  reply: FastifyReply,
  file: OpenFile,
  attachment: boolean,
): Promise<void> {
  const { entry } = file
  const { method, headers } = request
  const validators = validatorsOf(entry)
  const outcome = evaluateConditions(method, headers, validators)
  if (outcome === 'precondition') throw new Fault('precondition', 'the file is another version')
  reply.headers(headersOf(entry, attachment))
  if (outcome === 'not_modified') return begin(reply, 304).end() && undefined
  const honoured = method === 'GET' && ifRangeHolds(headers, validators)
  const range = parseRanges(honoured ? headers.range : undefined, entry.size)
  if (range.kind === 'none') {
    reply.header('Content-Range', `bytes */${entry.size}`).removeHeader('Content-Type')
    throw new Fault('range', 'the file has no such range')
  }
  const single = range.kind === 'spans' && range.spans.length === 1 ? range.spans[0] : null
  const span = single ?? { start: 0, end: entry.size }
  if (single !== null) reply.header('Content-Range', contentRange(single, entry.size))
  reply.header('Content-Length', span.end - span.start)
  await send(request, reply, file, { status: single === null ? 200 : 206, span })
}

async function send(
  request: FastifyRequest,
  reply: FastifyReply,
  file: OpenFile,
  { status, span }: { readonly status: number; readonly span: ByteSpan },
): Promise<void> {
  const { signal } = sessionOf(request)
  const raw = begin(reply, status)
  using _cut = cutOn(signal, request.raw.socket)
  try {
    if (request.method === 'GET') await sendFile(file, raw, span, signal)
    raw.end()
  } catch {
    // The head is out, so all that can be said is that this is not the whole: the client left, or the key did.
    request.raw.socket.destroy()
  }
}

/** Writes the head that was gathered; from here on the answer is not fastify's any more. */
function begin(reply: FastifyReply, status: number) {
  reply.hijack()
  const { raw } = reply
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value !== undefined) raw.setHeader(name, value)
  }
  raw.writeHead(status)
  return raw
}

function headersOf(entry: Entry, attachment: boolean): Record<string, string> {
  const name = encodeURIComponent(baseName(entry.path)).replace(/['()*]/g, escapeByte)
  return {
    ETag: `"${entry.version}"`,
    'Last-Modified': new Date(entry.modified).toUTCString(),
    'Accept-Ranges': 'bytes',
    'Cache-Control': 'private, no-cache',
    'Content-Type': contentType(entry.name),
    // A page that someone uploaded must not run script at this address.
    'Content-Security-Policy': "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:",
    ...(attachment ? { 'Content-Disposition': `attachment; filename*=UTF-8''${name}` } : {}),
  }
}

function escapeByte(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`
}

/** Opens what the request asks for and sends it; false for a folder. */
export async function sendFileAt(
  request: FastifyRequest,
  reply: FastifyReply,
  { path, attachment }: { readonly path: VirtualPath; readonly attachment: boolean },
): Promise<boolean> {
  await using file = await openUnlessFolder(filesOf(request), path)
  if (file === null) return false
  await download(request, reply, file, attachment)
  return true
}
