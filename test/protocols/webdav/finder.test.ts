import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Client, type DavWorld, readMultistatus, startDavWorld } from './client.ts'

/** What macOS Finder (webdavfs) sends when a person works on a mounted volume. */

let started: DavWorld
let dav: Client

beforeAll(async () => {
  started = await startDavWorld()
  dav = started.dav
  await dav('MKCOL', '/Volume')
})
afterAll(() => started[Symbol.asyncDispose]())

const AGENT = { 'user-agent': 'WebDAVFS/3.0.0 (03008000) Darwin/23.1.0 (arm64)' }
const prop = (names: string) =>
  `<?xml version="1.0" encoding="utf-8"?>\n<D:propfind xmlns:D="DAV:">\n<D:prop>\n${names}\n</D:prop>\n</D:propfind>\n`
const find = (path: string, depth: string, names: string) =>
  dav('PROPFIND', path, { headers: { ...AGENT, depth }, body: prop(names) })
const STAT = '<D:getlastmodified/><D:getcontentlength/><D:creationdate/><D:resourcetype/>'
const LOCK =
  '<?xml version="1.0" encoding="utf-8"?>\n<D:lockinfo xmlns:D="DAV:">\n<D:lockscope><D:exclusive/></D:lockscope>\n' +
  '<D:locktype><D:write/></D:locktype>\n<D:owner>\n<D:href>http://www.apple.com/webdav_fs/</D:href>\n</D:owner>\n</D:lockinfo>\n'

async function putChunked(path: string, headers: Record<string, string>, ...chunks: string[]) {
  const authorization = dav.authorization
  const sending = request({
    port: dav.port,
    host: '127.0.0.1',
    method: 'PUT',
    path,
    headers: { ...AGENT, authorization, ...headers },
    agent: false,
  })
  sending.on('error', () => {})
  for (const chunk of chunks) sending.write(chunk)
  sending.end()
  const [response] = await once(sending, 'response')
  response.resume()
  return response
}

describe('macOS Finder', () => {
  it('mounts: OPTIONS says class 2, the root has its properties and its room by new and old names', async () => {
    expect((await dav('OPTIONS', '/', { headers: AGENT })).headers.dav).toMatch(/\b2\b/)
    const quota = '<D:quota-available-bytes/><D:quota-used-bytes/><D:quota/><D:quotaused/>'
    const [root] = readMultistatus((await find('/', '0', STAT + quota)).text)
    expect(root?.props.get('resourcetype')?.status).toBe(200)
    for (const name of ['quota-available-bytes', 'quota-used-bytes', 'quota', 'quotaused']) {
      expect(root?.props.get(name), name).toMatchObject({ status: 200, text: expect.stringMatching(/^\d+$/) })
    }
  })

  it('looks for its own files, which are not there', async () => {
    for (const name of ['/._.', '/.DS_Store', '/.metadata_never_index', '/Volume/._x', '/.hidden']) {
      expect((await find(name, '0', STAT)).status, name).toBe(404)
    }
  })

  it('saves a new file: PUT of nothing, LOCK, chunked PUT with its length told, PROPFIND, UNLOCK', async () => {
    const path = '/Volume/Brief%20%C3%BC.txt'
    expect((await find(path, '0', STAT)).status).toBe(404)
    const made = await dav('PUT', path, { headers: { ...AGENT, 'content-length': '0' } })
    expect(made.status).toBe(201)
    expect([made.headers.etag, made.headers['last-modified']]).toEqual([
      expect.any(String),
      expect.any(String),
    ])
    const locked = await dav('LOCK', path, {
      body: LOCK,
      headers: { ...AGENT, depth: '0', timeout: 'Second-600' },
    })
    expect(locked.status).toBe(200)
    const token = String(locked.headers['lock-token'])
    expect((await find('/Volume/._Brief%20%C3%BC.txt', '0', STAT)).status).toBe(404)
    const headers = { if: `(${token})`, 'x-expected-entity-length': '10' }
    const saved = await putChunked(path, headers, 'Hello ', 'ther')
    expect(saved.statusCode).toBe(204)
    expect([saved.headers.etag, saved.headers['last-modified']]).toEqual([
      expect.any(String),
      expect.any(String),
    ])
    const [after] = readMultistatus((await find(path, '0', `${STAT}<D:getetag/>`)).text)
    expect(after?.props.get('getcontentlength')?.text).toBe('10')
    expect(after?.props.get('getetag')?.text).toBe(saved.headers.etag)
    expect((await dav('UNLOCK', path, { headers: { ...AGENT, 'lock-token': token } })).status).toBe(204)
    expect(await readFile(join(started.world.root, 'Volume/Brief ü.txt'), 'utf8')).toBe('Hello ther')
  })

  it('a length told that there is no room for is 507 before the body; one that is wrong is no length', async () => {
    const huge = await putChunked('/Volume/huge', { 'x-expected-entity-length': String(2 ** 43) }, 'x')
    expect(huge.statusCode).toBe(507)
    expect((await dav('GET', '/Volume/huge')).status).toBe(404)
    const wrong = await putChunked('/Volume/wrong', { 'x-expected-entity-length': '999' }, 'abc')
    expect(wrong.statusCode).toBe(201)
    expect((await dav('GET', '/Volume/wrong')).text).toBe('abc')
  })

  it('reads on with If-Range by date, and from the start when the file changed', async () => {
    const { headers } = await dav('PUT', '/Volume/read', { body: '0123456789' })
    const date = headers['last-modified'] ?? ''
    const range = (since: string) =>
      dav('GET', '/Volume/read', { headers: { ...AGENT, range: 'bytes=4-', 'if-range': since } })
    expect(await range(date)).toMatchObject({ status: 206, text: '456789' })
    expect(await range('Sun, 06 Nov 1994 08:49:37 GMT')).toMatchObject({ status: 200, text: '0123456789' })
  })

  it('replaces a file by MOVE without Overwrite, as "safe save" does', async () => {
    await dav('PUT', '/Volume/doc', { body: 'old' })
    await dav('MKCOL', '/Volume/(A%20Document%20Being%20Saved%20By%20TextEdit)')
    const temporary = '/Volume/(A%20Document%20Being%20Saved%20By%20TextEdit)/doc'
    await dav('PUT', temporary, { body: 'new' })
    const to = { destination: `http://127.0.0.1:${dav.port}/Volume/doc` }
    expect((await dav('MOVE', temporary, { headers: { ...AGENT, ...to } })).status).toBe(204)
    expect((await dav('GET', '/Volume/doc')).text).toBe('new')
  })

  it('puts a folder into the bin by DELETE', async () => {
    await dav('MKCOL', '/Volume/gone')
    await dav('PUT', '/Volume/gone/.DS_Store', { body: 'x' })
    expect((await dav('DELETE', '/Volume/gone/', { headers: AGENT })).status).toBe(204)
    expect((await find('/Volume/gone', '0', STAT)).status).toBe(404)
  })
})
