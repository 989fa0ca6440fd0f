import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Client, type DavWorld, startDavWorld } from './client.ts'

let started: DavWorld
let dav: Client

beforeAll(async () => {
  started = await startDavWorld()
  dav = started.dav
})
afterAll(() => started[Symbol.asyncDispose]())

const PAST = 'Sun, 06 Nov 1994 08:49:37 GMT'
const LOCK =
  '<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>'
const PATCH = '<propertyupdate xmlns="DAV:"><set><prop><x xmlns="urn:x">1</x></prop></set></propertyupdate>'
const to = { destination: '/cond-target' }

/** Method, what else it needs, and its status when all holds. */
const METHODS: readonly [string, number, { body?: string; headers?: Record<string, string> }][] = [
  ['GET', 200, {}],
  ['HEAD', 200, {}],
  ['PROPFIND', 207, { headers: { depth: '0' } }],
  ['PROPPATCH', 207, { body: PATCH }],
  ['PUT', 204, { body: 'new' }],
  ['COPY', 201, { headers: to }],
  ['MOVE', 201, { headers: to }],
  ['LOCK', 200, { body: LOCK, headers: { depth: '0' } }],
  ['DELETE', 204, {}],
]

describe.each(METHODS)('conditions of %s (RFC 9110 §13.2.2)', (method, success, { body, headers = {} }) => {
  async function fresh(): Promise<string> {
    for (const path of ['/cond', '/cond-target']) await dav('DELETE', path)
    return (await dav('PUT', '/cond', { body: 'content' })).headers.etag ?? ''
  }
  const ask = async (conditions: Record<string, string>) => {
    const sending = { headers: { ...headers, ...conditions }, ...(body === undefined ? {} : { body }) }
    const { status, headers: answered } = await dav(method, '/cond', sending)
    const token = answered['lock-token']
    if (token) await dav('UNLOCK', '/cond', { headers: { 'lock-token': String(token) } })
    return status
  }

  it('another version, or a change since, is 412, and nothing is done', async () => {
    const etag = await fresh()
    expect(await ask({ 'if-match': '"other"' })).toBe(412)
    expect(await ask({ 'if-match': `W/${etag}` })).toBe(412)
    expect(await ask({ 'if-unmodified-since': PAST })).toBe(412)
    expect((await dav('HEAD', '/cond')).headers.etag).toBe(etag)
    expect((await dav('HEAD', '/cond-target')).status).toBe(404)
  })

  it('If-None-Match of the present version is 304 for reading and 412 for the rest', async () => {
    const etag = await fresh()
    const expected = method === 'GET' || method === 'HEAD' ? 304 : 412
    expect(await ask({ 'if-none-match': etag })).toBe(expected)
    expect(await ask({ 'if-none-match': `"x", W/${etag}` })).toBe(expected)
    expect(await ask({ 'if-none-match': '*' })).toBe(expected)
  })

  it('If-Match goes before If-Unmodified-Since, and what holds lets it be', async () => {
    const etag = await fresh()
    const conditions = { 'if-match': `"x", ${etag}`, 'if-unmodified-since': PAST, 'if-none-match': '"y"' }
    expect(await ask(conditions)).toBe(success)
  })
})

describe('conditions of methods on what is not there', () => {
  it('If-Match fails, If-None-Match holds', async () => {
    const put = async (path: string, headers: Record<string, string>) =>
      (await dav('PUT', path, { body: 'x', headers })).status
    expect(await put('/none', { 'if-match': '*' })).toBe(412)
    expect(await put('/none', { 'if-none-match': '*' })).toBe(201)
    expect((await dav('MKCOL', '/none-folder', { headers: { 'if-match': '*' } })).status).toBe(412)
    const lock = { body: LOCK, headers: { depth: '0', 'if-match': '*' } }
    expect((await dav('LOCK', '/none-lock', lock)).status).toBe(412)
    expect((await dav('GET', '/none-lock')).status).toBe(404)
  })

  it('UNLOCK keeps them, OPTIONS has none', async () => {
    const { headers } = await dav('PUT', '/held', { body: 'x' })
    const locked = await dav('LOCK', '/held', { body: LOCK, headers: { depth: '0' } })
    const token = String(locked.headers['lock-token'])
    const unlock = (condition: string) =>
      dav('UNLOCK', '/held', { headers: { 'lock-token': token, 'if-match': condition } })
    expect((await unlock('"other"')).status).toBe(412)
    expect((await dav('OPTIONS', '/held', { headers: { 'if-match': '"other"' } })).status).toBe(200)
    expect((await unlock(headers.etag ?? '')).status).toBe(204)
  })
})

describe('the ETag', () => {
  it('is strong, the same through LOCK, UNLOCK, PROPPATCH of properties and times, and MOVE', async () => {
    const { etag } = (await dav('PUT', '/steady', { body: 'x' })).headers
    expect(etag).toMatch(/^"[0-9a-f]{32}"$/)
    const locked = await dav('LOCK', '/steady', { body: LOCK, headers: { depth: '0' } })
    const token = String(locked.headers['lock-token'])
    await dav('PROPPATCH', '/steady', { body: PATCH, headers: { if: `(${token})` } })
    const timed = PATCH.replace('<x xmlns="urn:x">1</x>', '<lastmodified>1500000000</lastmodified>')
    await dav('PROPPATCH', '/steady', { body: timed, headers: { if: `(${token} [${etag}])` } })
    await dav('UNLOCK', '/steady', { headers: { 'lock-token': token } })
    const head = (await dav('HEAD', '/steady')).headers
    expect([head.etag, head['last-modified']]).toEqual([etag, 'Fri, 14 Jul 2017 02:40:00 GMT'])
    await dav('MOVE', '/steady', { headers: { destination: '/moved' } })
    expect((await dav('HEAD', '/moved')).headers.etag).toBe(etag)
    expect((await dav('PUT', '/moved', { body: 'x' })).headers.etag).not.toBe(etag)
  })

  it('two files written in one millisecond with the same bytes have two', async () => {
    const both = await Promise.all(['/one', '/two'].map((path) => dav('PUT', path, { body: 'same' })))
    expect(new Set(both.map(({ headers }) => headers.etag)).size).toBe(2)
  })
})
