import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Client, clientOf, type DavWorld, readMultistatus, startDavWorld } from './client.ts'

/** What Windows Explorer (WebClient, the mini-redirector) sends when a person works in a mapped drive. */

let started: DavWorld
let dav: Client

const AGENT = { 'user-agent': 'Microsoft-WebDAV-MiniRedir/10.0.22631', translate: 'f', pragma: 'no-cache' }
const MS = 'urn:schemas-microsoft-com:'

beforeAll(async () => {
  started = await startDavWorld()
  const { dav: plain } = started
  dav = Object.assign(
    (method: string, path: string, sending: Parameters<Client>[2] = {}) =>
      plain(method, path, { ...sending, headers: { ...AGENT, ...sending.headers } }),
    { port: plain.port, authorization: plain.authorization },
  )
  await plain('MKCOL', '/dir')
  await plain('PUT', '/dir/there.txt', { body: 'there' })
})
afterAll(() => started[Symbol.asyncDispose]())

const lockBody =
  '<?xml version="1.0" encoding="utf-8" ?><D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope>' +
  '<D:locktype><D:write/></D:locktype><D:owner><D:href>DESKTOP\\ann</D:href></D:owner></D:lockinfo>'

const times = (date: string) =>
  '<?xml version="1.0" encoding="utf-8" ?><D:propertyupdate xmlns:D="DAV:" xmlns:Z="urn:schemas-microsoft-com:">' +
  `<D:set><D:prop><Z:Win32CreationTime>${date}</Z:Win32CreationTime>` +
  `<Z:Win32LastAccessTime>${date}</Z:Win32LastAccessTime>` +
  `<Z:Win32LastModifiedTime>${date}</Z:Win32LastModifiedTime>` +
  '<Z:Win32FileAttributes>00000020</Z:Win32FileAttributes></D:prop></D:set></D:propertyupdate>'

describe('Windows Explorer', () => {
  it('connects: OPTIONS without login is challenged, with it answered, above a prefix too', async () => {
    const first = await dav('OPTIONS', '/', { login: null })
    expect(first.status).toBe(401)
    expect(first.headers['www-authenticate']).toMatch(/^Basic /)
    const key = await started.world.issue({ basePath: '/dir' })
    const below = clientOf(dav.port, key)
    for (const client of [dav, below]) {
      const answer = await client('OPTIONS', '/')
      expect([answer.status, answer.headers['ms-author-via']]).toEqual([200, 'DAV'])
      expect(answer.headers.dav).toMatch(/\b1, 2\b/)
    }
    expect((await below('PROPFIND', '/dir', { headers: { depth: '0' } })).status).toBe(207)
  })

  it('looks into a folder without a slash: answered at once, the hrefs being paths', async () => {
    const { status, text } = await dav('PROPFIND', '/dir', { headers: { depth: '1' } })
    expect(status).toBe(207)
    const hrefs = readMultistatus(text).map(({ href }) => href)
    expect(hrefs).toEqual(['/dir/', '/dir/there.txt'])
  })

  it('saves a new file: PUT of nothing, LOCK, HEAD, PUT, PROPPATCH, UNLOCK', async () => {
    const path = '/dir/Neue%20Datei%20%E4%B8%AD.txt'
    expect((await dav('PROPFIND', path, { headers: { depth: '0' } })).status).toBe(404)
    expect((await dav('PUT', path, { headers: { 'content-length': '0' } })).status).toBe(201)
    const locked = await dav('LOCK', path, { body: lockBody, headers: { timeout: 'Second-3600' } })
    expect(locked.status).toBe(200)
    expect(locked.text).toContain('<D:timeout>Second-3600</D:timeout>')
    const token = String(locked.headers['lock-token'])
    expect((await dav('HEAD', path)).status).toBe(200)
    const given = { if: `(${token})` }
    expect((await dav('PUT', path, { body: 'content', headers: given })).status).toBe(204)
    const date = 'Tue, 04 Mar 2014 10:00:00 GMT'
    const patched = await dav('PROPPATCH', path, { body: times(date), headers: given })
    expect(patched.status).toBe(207)
    const [found] = readMultistatus(patched.text)
    expect([...(found?.props.values() ?? [])].map(({ status }) => status)).toEqual([200, 200, 200, 200])
    expect((await dav('UNLOCK', path, { headers: { 'lock-token': token } })).status).toBe(204)
    const file = join(started.world.root, 'dir/Neue Datei 中.txt')
    expect(await readFile(file, 'utf8')).toBe('content')
    expect((await stat(file)).mtime.toUTCString()).toBe(date)
  })

  it('saves again over the same file while it holds the lock, and others may not', async () => {
    const path = '/dir/there.txt'
    const locked = await dav('LOCK', path, { body: lockBody, headers: { timeout: 'Second-3600' } })
    const token = String(locked.headers['lock-token'])
    const tagged = `<http://127.0.0.1:${dav.port}${path}> (${token})`
    expect((await dav('PUT', path, { body: 'mine', headers: { if: tagged } })).status).toBe(204)
    expect((await (await started.other())('PUT', path, { body: 'theirs' })).status).toBe(423)
    const refreshed = await dav('LOCK', path, { headers: { if: `(${token})`, timeout: 'Second-3600' } })
    expect(refreshed.status).toBe(200)
    await dav('UNLOCK', path, { headers: { 'lock-token': token } })
    expect((await dav('GET', path)).text).toBe('mine')
  })

  it('makes "New folder", renames it by a full URL with Overwrite F, and deletes it', async () => {
    expect((await dav('MKCOL', '/New%20folder')).status).toBe(201)
    const to = { destination: `http://127.0.0.1:${dav.port}/Akten`, overwrite: 'F' }
    expect((await dav('MOVE', '/New%20folder', { headers: to })).status).toBe(201)
    expect((await dav('PROPFIND', '/New%20folder', { headers: { depth: '0' } })).status).toBe(404)
    expect((await dav('DELETE', '/Akten')).status).toBe(204)
  })

  it('copies a file within the drive, and hides one by its attributes', async () => {
    const to = { destination: `http://127.0.0.1:${dav.port}/dir/copy.txt`, overwrite: 'T' }
    expect((await dav('COPY', '/dir/there.txt', { headers: to })).status).toBe(201)
    const body = times('Tue, 04 Mar 2014 10:00:00 GMT').replace('00000020', '00000022')
    expect((await dav('PROPPATCH', '/dir/copy.txt', { body })).status).toBe(207)
    const { text } = await dav('PROPFIND', '/dir', { headers: { depth: '1' } })
    const copy = readMultistatus(text).find(({ href }) => href === '/dir/copy.txt')
    expect(copy?.props.get('Win32FileAttributes')).toMatchObject({ status: 200, text: '00000022' })
    expect(copy?.props.get('Win32FileAttributes')?.element.uri).toBe(MS)
  })
})
