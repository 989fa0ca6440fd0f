import { escapeAttribute, escapeText } from '#net/xml.ts'
import { parentOf, ROOT } from '#permissions/path.ts'
import type { Call } from './call.ts'
import { escapeSegment, hrefOf } from './path.ts'
import { textStream } from './text-stream.ts'

const HEADERS = {
  'Content-Type': 'text/html; charset=utf-8',
  'Content-Security-Policy':
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'private, no-store',
}

/** GET of a folder: a plain page with links, for people who come with a browser. Streamed. */
export async function listing({ exchange, session, path }: Call): Promise<null> {
  const { request, response } = exchange
  const base = hrefOf(path, true)
  const title = escapeText(path)
  const out = textStream(response, 200, HEADERS)
  out.add(`<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>${title}</title></head>\n`)
  out.add(`<body><h1>${title}</h1>\n<ul>\n`)
  if (path !== ROOT) out.add(`<li><a href="${escapeAttribute(hrefOf(parentOf(path), true))}">..</a></li>\n`)
  for await (const page of session.files.listAll(path)) {
    if (request.method === 'HEAD') break
    for (const { name, kind, size } of page) {
      const slash = kind === 'folder' ? '/' : ''
      const href = escapeAttribute(`${base}${escapeSegment(name)}${slash}`)
      const bytes = kind === 'file' ? ` (${size} bytes)` : ''
      out.add(`<li><a href="${href}">${escapeText(name)}${slash}</a>${bytes}</li>\n`)
    }
    await out.flush()
  }
  if (request.method === 'HEAD') {
    response.writeHead(200, HEADERS).end()
    return null
  }
  out.add('</ul></body></html>\n')
  out.end()
  return null
}
