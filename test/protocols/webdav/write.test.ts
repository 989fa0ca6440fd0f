import { once } from 'node:events'
import { readdir, readFile, readlink, stat, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Client, type DavWorld, startDavWorld, until } from './client.ts'

let started: DavWorld
let dav: Client

beforeAll(async () => {
  started = await startDavWorld()
  dav = started.dav
})
afterAll(() => started[Symbol.asyncDispose]())

const onDisk = (name: string) => readFile(join(started.world.root, name), 'utf8')

/** All plain files below the mount's root, staged ones included. */
async function filesOnDisk(): Promise<string[]> {
  const entries = await readdir(started.world.root, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name)
}

function beginPut(path: string, headers: Record<string, string>) {
  const sending = request({
    port: dav.port,
    host: '127.0.0.1',
    method: 'PUT',
    path,
    headers: { authorization: dav.authorization, ...headers },
    agent: false,
  })
  sending.on('error', () => {})
  return sending
}

describe('PUT', () => {
  it('makes a file, replaces it, and gives ETag and Last-Modified each time', async () => {
    const made = await dav('PUT', '/put.txt', { body: 'one' })
    expect(made.status).toBe(201)
    const replaced = await dav('PUT', '/put.txt', { body: 'three' })
    expect(replaced.status).toBe(204)
    expect(replaced.headers.etag).not.toBe(made.headers.etag)
    expect(replaced.headers['last-modified']).toBeTruthy()
    expect(await onDisk('put.txt')).toBe('three')
  })

  it('the ETag is the same from PUT, HEAD, GET and PROPFIND (check 29)', async () => {
    const { headers } = await dav('PUT', '/same.txt', { body: 'same' })
    expect(headers.etag).toMatch(/^"[^"]+"$/)
    expect((await dav('GET', '/same.txt')).headers.etag).toBe(headers.etag)
    expect((await dav('HEAD', '/same.txt')).headers.etag).toBe(headers.etag)
    expect((await dav('PROPFIND', '/same.txt', { headers: { depth: '0' } })).text).toContain(
      `<D:getetag>${headers.etag}</D:getetag>`,
    )
  })

  it('takes a chunked body, whatever X-Expected-Entity-Length says of it (check 15)', async () => {
    const sending = beginPut('/chunked', { 'x-expected-entity-length': '6' })
    sending.write('abc')
    sending.end('defg')
    const [response] = await once(sending, 'response')
    expect(response.statusCode).toBe(201)
    response.resume()
    expect(await onDisk('chunked')).toBe('abcdefg')
  })

  it('an aborted PUT over a file leaves the old content and no rubbish (check 16, F2)', async () => {
    await dav('PUT', '/kept.txt', { body: 'kept' })
    const before = await filesOnDisk()
    const sending = beginPut('/kept.txt', { 'content-length': '3000000' })
    sending.write(Buffer.alloc(1_500_000))
    await until(async () => (await filesOnDisk()).length > before.length)
    sending.destroy()
    await until(async () => (await filesOnDisk()).length === before.length)
    expect(await onDisk('kept.txt')).toBe('kept')
  })

  it('20 aborted GETs give their descriptors back (check 17)', async () => {
    await writeFile(join(started.world.root, 'large'), Buffer.alloc(8 * 1024 * 1024))
    for (let i = 0; i < 20; i += 1) {
      const getting = request({
        port: dav.port,
        host: '127.0.0.1',
        path: '/large',
        headers: { authorization: dav.authorization },
        agent: false,
      })
      getting.on('error', () => {})
      getting.end()
      const [response] = await once(getting, 'response')
      await once(response, 'readable')
      response.destroy()
    }
    await until(async () => {
      const links = await Promise.all(
        (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
      )
      return !links.some((link) => link.startsWith(join(started.world.root, 'large')))
    })
  })

  it('over a folder 405, without a parent 409, with Content-Range 400 (check 18)', async () => {
    await dav('MKCOL', '/taken')
    expect((await dav('PUT', '/taken', { body: 'x' })).status).toBe(405)
    expect((await dav('PUT', '/missing/x', { body: 'x' })).status).toBe(409)
    expect(
      (await dav('PUT', '/ranged', { body: 'x', headers: { 'content-range': 'bytes 0-0/5' } })).status,
    ).toBe(400)
  })

  it('X-OC-Mtime sets the time and is acknowledged', async () => {
    const { headers } = await dav('PUT', '/timed', { body: 'x', headers: { 'x-oc-mtime': '1500000000' } })
    expect(headers['x-oc-mtime']).toBe('accepted')
    expect((await stat(join(started.world.root, 'timed'))).mtimeMs).toBe(1_500_000_000_000)
    expect((await dav('HEAD', '/timed')).headers['last-modified']).toBe('Fri, 14 Jul 2017 02:40:00 GMT')
  })

  it('OC-Checksum is verified before anything is published', async () => {
    const sha1 = 'aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d'
    const put = (sum: string) => dav('PUT', '/summed', { body: 'hello', headers: { 'oc-checksum': sum } })
    expect((await put(`SHA1:${sha1.replace('a', 'b')}`)).status).toBe(400)
    expect((await dav('GET', '/summed')).status).toBe(404)
    expect((await put(`SHA1:${sha1}`)).status).toBe(201)
  })

  it('conditions are kept: If-Match, If-None-Match, If-Unmodified-Since', async () => {
    const put = async (path: string, headers: Record<string, string>) =>
      (await dav('PUT', path, { body: 'x', headers })).status
    expect(await put('/cond', { 'if-match': '*' })).toBe(412)
    expect(await put('/cond', { 'if-none-match': '*' })).toBe(201)
    expect(await put('/cond', { 'if-none-match': '*' })).toBe(412)
    expect(await put('/cond', { 'if-match': '"other"' })).toBe(412)
    expect(await put('/cond', { 'if-unmodified-since': 'Sun, 06 Nov 1994 08:49:37 GMT' })).toBe(412)
    const { headers } = await dav('HEAD', '/cond')
    expect(await put('/cond', { 'if-match': headers.etag ?? '' })).toBe(204)
  })

  it.each([
    ['If-Match', 204],
    ['If-None-Match: *', 201],
  ])('of two PUTs at once with one %s exactly one wins (check 28)', async (kind, winner) => {
    const path = `/race-${winner}`
    const first = winner === 204 ? await dav('PUT', path, { body: '0' }) : null
    const condition = first ? { 'if-match': first.headers.etag ?? '' } : { 'if-none-match': '*' }
    const begin = () => beginPut(path, { ...condition, 'content-length': '2' })
    const both = [begin(), begin()]
    // Both are past their first check before either ends.
    for (const sending of both) sending.write('a')
    await new Promise((resolve) => setTimeout(resolve, 200))
    const statuses = await Promise.all(
      both.map(async (sending) => {
        sending.end('b')
        const [response] = await once(sending, 'response')
        response.resume()
        return response.statusCode
      }),
    )
    expect(statuses.toSorted(), kind).toEqual([winner, 412])
  })
})

describe('MKCOL and DELETE', () => {
  it('MKCOL: made 201, existing 405, with a body 415, without a parent 409 (check 19)', async () => {
    expect((await dav('MKCOL', '/made')).status).toBe(201)
    expect((await dav('MKCOL', '/made')).status).toBe(405)
    expect((await dav('MKCOL', '/made/body', { body: '<x/>' })).status).toBe(415)
    expect((await dav('MKCOL', '/nowhere/x')).status).toBe(409)
  })

  it('DELETE takes a tree away; what is missing is 404; Depth 0 is 400; the root stays', async () => {
    await dav('MKCOL', '/tree')
    await dav('PUT', '/tree/a', { body: 'a' })
    expect((await dav('DELETE', '/tree', { headers: { depth: '0' } })).status).toBe(400)
    expect((await dav('DELETE', '/tree/')).status).toBe(204)
    expect((await dav('DELETE', '/tree')).status).toBe(404)
    expect((await dav('DELETE', '/')).status).toBe(403)
  })

  it('DELETE with an If-Match of another version is 412', async () => {
    await dav('PUT', '/versioned', { body: 'x' })
    expect((await dav('DELETE', '/versioned', { headers: { 'if-match': '"x"' } })).status).toBe(412)
  })
})

describe('COPY and MOVE', () => {
  const to = (destination: string, more: Record<string, string> = {}) => ({
    headers: { destination, ...more },
  })

  beforeAll(async () => {
    await dav('MKCOL', '/p')
    await dav('MKCOL', '/p/c')
    await dav('PUT', '/p/c/file', { body: 'inside' })
    await dav('PUT', '/p/a', { body: 'a' })
    await dav('PUT', '/p/b', { body: 'b' })
  })

  it('onto itself, into its child, onto its parent: 403, and nothing is lost (check 20, 21)', async () => {
    for (const method of ['MOVE', 'COPY']) {
      expect((await dav(method, '/p/a', to('/p/a'))).status).toBe(403)
      expect((await dav(method, '/p', to('/p/c/p'))).status).toBe(403)
      expect((await dav(method, '/p/c', to('/p'))).status).toBe(403)
    }
    expect((await dav('GET', '/p/c/file')).text).toBe('inside')
  })

  it('MOVE onto an existing file: T by default 204, F 412, X 400 (check 22)', async () => {
    expect((await dav('MOVE', '/p/a', to('/p/b', { overwrite: 'F' }))).status).toBe(412)
    expect((await dav('MOVE', '/p/a', to('/p/b', { overwrite: 'X' }))).status).toBe(400)
    expect((await dav('MOVE', '/p/a', to('/p/b'))).status).toBe(204)
    expect((await dav('GET', '/p/b')).text).toBe('a')
    expect((await dav('GET', '/p/a')).status).toBe(404)
  })

  it('Destination on another host 502, as a path 201, as a URL here 201 (check 23)', async () => {
    expect((await dav('COPY', '/p/b', to('http://elsewhere.example/x'))).status).toBe(502)
    expect((await dav('COPY', '/p/b', to('/p/by-path'))).status).toBe(201)
    expect((await dav('COPY', '/p/b', to(`http://127.0.0.1:${dav.port}/p/by%20url`))).status).toBe(201)
    expect((await dav('GET', '/p/by%20url')).text).toBe('a')
  })

  it('COPY of a tree, with Depth 0 of the folder alone, with Depth 1 refused', async () => {
    expect((await dav('COPY', '/p/c', to('/whole'))).status).toBe(201)
    expect((await dav('GET', '/whole/file')).text).toBe('inside')
    expect((await dav('COPY', '/p/c/', to('/shallow/', { depth: '0' }))).status).toBe(201)
    expect((await dav('GET', '/shallow/file')).status).toBe(404)
    expect((await dav('COPY', '/p/c', to('/x', { depth: '1' }))).status).toBe(400)
    expect((await dav('COPY', '/p/c', to('/no/parent'))).status).toBe(409)
    expect((await dav('COPY', '/nothing', to('/x'))).status).toBe(404)
  })

  it('X-OC-Mtime is applied to the copy', async () => {
    const answer = await dav('COPY', '/p/b', to('/timed-copy', { 'x-oc-mtime': '1500000000' }))
    expect(answer.headers['x-oc-mtime']).toBe('accepted')
    expect((await stat(join(started.world.root, 'timed-copy'))).mtimeMs).toBe(1_500_000_000_000)
  })
})
