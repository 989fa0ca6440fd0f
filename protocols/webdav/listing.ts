import { Fault } from '#faults'
import type { Entry } from '#files/types.ts'
import { evaluateConditions } from '#net/conditions.ts'
import { escapeAttribute, escapeText } from '#net/xml.ts'
import { baseName, parentOf, ROOT, type VirtualPath } from '#permissions/path.ts'
import type { Call } from './call.ts'
import { PAGE_POLICY, PAGE_STYLE } from './page-style.ts'
import { escapeSegment, hrefOf } from './path.ts'
import { textStream } from './text-stream.ts'

const HEADERS = {
  'Content-Type': 'text/html; charset=utf-8',
  'Content-Security-Policy': PAGE_POLICY,
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'private, no-store',
}

/** GET of a folder: a page with links and without script, for people who come with a browser. Streamed. */
export async function listing({ exchange, session, path, headers }: Call): Promise<null> {
  const { request, response } = exchange
  const { files } = session
  const validators = { etag: null, modified: (await files.stat(path)).modified }
  if (evaluateConditions(request.method ?? '', headers, validators) === 'precondition') {
    throw new Fault('precondition', 'a folder has no such version')
  }
  const out = textStream(response, 200, HEADERS)
  const base = hrefOf(path, true)
  let empty = true
  out.add(pageStart(path))
  for await (const page of files.listAll(path)) {
    if (request.method === 'HEAD') break
    empty &&= page.length === 0
    for (const entry of page) {
      out.add(row(base, entry))
      if (out.isFull()) await out.flush()
    }
  }
  if (request.method === 'HEAD') {
    response.writeHead(200, HEADERS).end()
    return null
  }
  if (empty) out.add('<tr><td class="empty" colspan="3">This folder is empty.</td></tr>\n')
  out.add('</tbody></table></main></body></html>\n')
  out.end()
  return null
}

function pageStart(path: VirtualPath): string {
  const name = path === ROOT ? 'All files' : baseName(path)
  const up =
    path === ROOT
      ? ''
      : `<tr><td colspan="3"><a href="${escapeAttribute(hrefOf(parentOf(path), true))}">↑ Parent folder</a></td></tr>\n`
  return (
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">' +
    '<meta name="viewport" content="width=device-width,initial-scale=1">' +
    `<title>${escapeText(name)}</title><style>${PAGE_STYLE}</style></head>\n` +
    `<body><main><h1>${crumbs(path)}</h1>\n<table><thead><tr><th scope="col">Name</th>` +
    '<th scope="col" class="size">Size</th><th scope="col" class="time">Modified (UTC)</th></tr></thead>\n' +
    `<tbody>\n${up}`
  )
}

/** The folders that lead here, each a link but the last. */
function crumbs(path: VirtualPath): string {
  if (path === ROOT) return 'All files'
  const links: string[] = []
  for (let at = parentOf(path); ; at = parentOf(at)) {
    const name = at === ROOT ? 'All files' : baseName(at)
    links.unshift(`<a href="${escapeAttribute(hrefOf(at, true))}">${escapeText(name)}</a>`)
    if (at === ROOT) break
  }
  return [...links, escapeText(baseName(path))].join('<span>/</span>')
}

function row(base: string, { name, kind, size, modified }: Entry): string {
  const slash = kind === 'folder' ? '/' : ''
  const href = escapeAttribute(`${base}${escapeSegment(name)}${slash}`)
  const time = new Date(modified).toISOString()
  const bytes = kind === 'file' ? `<td class="size" title="${size} bytes">${sizeText(size)}</td>` : EMPTY_CELL
  return (
    `<tr><td><a href="${href}">${escapeText(name)}${slash}</a></td>${bytes}` +
    `<td class="time"><time datetime="${time}">${time.slice(0, 16).replace('T', ' ')}</time></td></tr>\n`
  )
}

const EMPTY_CELL = '<td class="size"></td>'
const UNITS = ['KiB', 'MiB', 'GiB', 'TiB'] as const

function sizeText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`
  let value = bytes
  let unit: string = 'B'
  for (const next of UNITS) {
    if (value < 1024) break
    value /= 1024
    unit = next
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${unit}`
}
