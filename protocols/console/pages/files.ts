import { Fault } from '#faults'
import type { Entry, OpenFile } from '#files/types.ts'
import { cutOn } from '#net/closing.ts'
import { evaluateConditions, ifRangeHolds } from '#net/conditions.ts'
import { sendFile } from '#net/pump.ts'
import { contentRange, parseRanges } from '#net/ranges.ts'
import { receiveBody } from '#net/receive.ts'
import {
  baseName,
  childOf,
  parentOf,
  parsePath,
  ROOT,
  segments,
  type VirtualPath,
} from '#permissions/path.ts'
import { href } from '../file-links.ts'
import { DOWNLOAD_HEADERS } from '../headers.ts'
import { type Html, html, type Piece } from '../html.ts'
import { icon } from '../icons.ts'
import { page } from '../layout.ts'
import type { Route } from '../route.ts'
import { action, bytes, careful, input, more, table, time } from '../ui.ts'
import { type Answer, field, type PersonVisit, param, redirect } from '../visit.ts'

const PAGE = 500
const MAX_BYTES = 16 * 1024 ** 4

export const FILE_ROUTES: readonly Route[] = [
  {
    method: 'GET',
    path: '/files',
    rule: 'person',
    ownSite: true,
    handle: (visit) => folderPage(visit, ROOT),
  },
  {
    method: 'GET',
    path: '/files/*',
    rule: 'person',
    ownSite: true,
    handle: (visit) => folderPage(visit, pathOf(visit)),
  },
  { method: 'GET', path: '/download/*', rule: 'person', ownSite: true, handle: download },
  { method: 'PUT', path: '/upload/*', rule: 'person', ownSite: true, handle: upload },
  { method: 'POST', path: '/file-folder', rule: 'person', ownSite: true, handle: makeFolder },
  { method: 'POST', path: '/file-rename', rule: 'person', ownSite: true, handle: rename },
  { method: 'POST', path: '/file-remove', rule: 'person', ownSite: true, handle: remove },
]

function pathOf(visit: PersonVisit): VirtualPath {
  return parsePath(`/${param(visit, '*')}`)
}

async function folderPage(visit: PersonVisit, folder: VirtualPath): Promise<Answer> {
  const { files } = visit.session
  const after = visit.query.get('after') ?? undefined
  const { entries, next } = await files.list(folder, { limit: PAGE, ...(after !== undefined && { after }) })
  const rows = entries.map((entry) => rowOf(visit, entry))
  const body = html`${crumbs(folder)}
<div class="dropzone" data-upload="${['/console/upload', ...segments(folder).map(encodeURIComponent)].join('/')}" data-csrf="${visit.csrf}" hidden>
<p>${icon('upload')}<span>Drop files here, or <label class="link"><span>choose some</span><input type="file" multiple class="unseen" id="pick"></label>.</span></p>
<ul class="uploads" aria-live="polite" aria-label="Uploads"></ul></div>
<noscript><p class="note">Uploads need JavaScript in this browser. Everything else works without.</p></noscript>
${table(`What is in ${folder}`, ['Name', 'Size', 'Changed', ''], rows, 'This folder is empty.')}
${more(visit, href('files', folder).slice('/console'.length), visit.query, next)}`
  const name = folder === ROOT ? 'Files' : baseName(folder)
  return page(visit, {
    title: name,
    part: 'Files',
    actions: html`<a class="button quiet" href="/console/trash">Trash</a><details class="careful"><summary class="button quiet">New folder</summary><div>${folderForm(visit, folder)}</div></details>`,
    body,
    scripts: ['upload.js'],
  })
}

function crumbs(folder: VirtualPath): Piece {
  if (folder === ROOT) return null
  const links: Html[] = [html`<li><a href="/console/files">Files</a></li>`]
  let path: VirtualPath = ROOT
  for (const name of segments(folder)) {
    path = childOf(path, name)
    links.push(
      path === folder
        ? html`<li aria-current="page">${name}</li>`
        : html`<li><a href="${href('files', path)}">${name}</a></li>`,
    )
  }
  return html`<nav class="crumbs" aria-label="Where you are"><ol>${links}</ol></nav>`
}

function folderForm(visit: PersonVisit, folder: VirtualPath): Html {
  const fields = html`<input type="hidden" name="folder" value="${folder}">${input({ name: 'name', label: 'Name of the new folder', more: html`required maxlength="255" autocomplete="off"` })}`
  return action(visit, '/file-folder', 'Make the folder', { fields })
}

function rowOf(visit: PersonVisit, entry: Entry): readonly Piece[] {
  const { name, path, kind, size, modified } = entry
  const isFolder = kind === 'folder'
  const place = html`<input type="hidden" name="path" value="${path}">`
  const renaming = action(visit, '/file-rename', 'Rename', {
    fields: html`${place}<label>New name<input name="name" value="${name}" required maxlength="255" autocomplete="off"></label>`,
  })
  return [
    html`<a class="entry" href="${href(isFolder ? 'files' : 'download', path)}"${!isFolder && html` download`}>${icon(isFolder ? 'folder' : 'file')}<span>${name}</span></a>`,
    isFolder ? html`<span class="soft">folder</span>` : html`<span class="nowrap">${bytes(size)}</span>`,
    html`<span class="nowrap">${time(modified)}</span>`,
    html`<details class="careful"><summary aria-label="Change ${name}">Change</summary><div>${renaming}${careful(visit, '/file-remove', { label: 'Delete', means: isFolder ? 'The folder and all below it go to the trash, where the storage keeps one.' : 'The file goes to the trash, where the storage keeps one.', confirm: `Delete ${name}`, fields: place })}</div></details>`,
  ]
}

async function makeFolder(visit: PersonVisit): Promise<Answer> {
  const folder = parsePath(field(visit, 'folder') || '/')
  const made = await visit.session.files.mkdir(childOf(folder, visit.form.get('name') ?? ''))
  return redirect(href('files', parentOf(made.path)), 'folder-made')
}

async function rename(visit: PersonVisit): Promise<Answer> {
  const from = parsePath(visit.form.get('path') ?? '')
  const to = childOf(parentOf(from), visit.form.get('name') ?? '')
  if (from !== to) await visit.session.files.rename(from, to, { overwrite: false })
  return redirect(href('files', parentOf(to)), 'renamed')
}

async function remove(visit: PersonVisit): Promise<Answer> {
  const path = parsePath(visit.form.get('path') ?? '')
  await visit.session.files.remove(path, { tree: true })
  return redirect(href('files', parentOf(path)), 'removed')
}

/** Sends a file to be saved, never to be shown: what people upload runs nothing here. */
async function download(visit: PersonVisit): Promise<null | Answer> {
  const { exchange, session, method } = visit
  const { request, response } = exchange
  await using file = await openFile(visit)
  const { entry } = file
  const tag = `"${entry.version}"`
  const validators = { etag: tag, modified: entry.modified }
  const outcome = evaluateConditions(method, request.headers, validators)
  const headers = {
    ...DOWNLOAD_HEADERS,
    ETag: tag,
    'Accept-Ranges': 'bytes',
    'Cache-Control': 'private, no-cache',
    'Content-Type': 'application/octet-stream',
    'Content-Disposition': disposition(entry.name),
  }
  if (outcome === 'not_modified') return { status: 304, headers }
  const honoured = method === 'GET' && ifRangeHolds(request.headers, validators)
  const range = parseRanges(honoured ? request.headers.range : undefined, entry.size)
  if (range.kind === 'none') throw new Fault('range', 'the file has no such part')
  const isPart = range.kind === 'spans' && range.spans.length === 1
  const [span] = isPart ? range.spans : [{ start: 0, end: entry.size }]
  response.writeHead(isPart ? 206 : 200, {
    ...headers,
    'Content-Length': span.end - span.start,
    ...(isPart && { 'Content-Range': contentRange(span, entry.size) }),
    ...(visit.cookies.length > 0 && { 'Set-Cookie': visit.cookies }),
  })
  using _cut = cutOn(session.signal, request.socket)
  if (method === 'GET') await sendFile(file, response, span, session.signal)
  response.end()
  return null
}

function openFile(visit: PersonVisit): Promise<OpenFile> {
  return visit.session.files.open(pathOf(visit))
}

// RFC 6266: a plain name for old browsers, and the real one.
function disposition(name: string): string {
  const plain = name.replace(/[^\x20-\x7e]|["\\%]/g, '_')
  const whole = encodeURIComponent(name).replace(
    /['()*]/g,
    (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return `attachment; filename="${plain}"; filename*=UTF-8''${whole}`
}

/** Takes a file whole: staged, and visible when all of it is there. */
async function upload(visit: PersonVisit): Promise<Answer> {
  const { exchange, session } = visit
  const path = pathOf(visit)
  const options = visit.query.has('replace') ? {} : { ifAbsent: true }
  try {
    await using staged = await session.files.create(path, options)
    using _cut = cutOn(session.signal, exchange.request.socket)
    await receiveBody(exchange.body, staged, { signal: session.signal, limit: MAX_BYTES })
    const given = Number(visit.query.get('modified'))
    const modified = given > 0 && Number.isFinite(given) ? { modified: given } : {}
    await staged.commit({ ...options, ...modified })
  } catch (error) {
    if (error instanceof Fault && error.code === 'precondition') {
      throw new Fault('exists', 'a file of this name is there already')
    }
    throw error
  }
  return { status: 201, headers: { 'Content-Type': 'application/json; charset=utf-8' }, body: '{}' }
}
