import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Client, type DavWorld, readMultistatus, startDavWorld } from './client.ts'

let started: DavWorld
let dav: Client

beforeAll(async () => {
  started = await startDavWorld()
  dav = started.dav
  const { root } = started.world
  await writeFile(join(root, 'ten.txt'), '0123456789')
  await writeFile(join(root, 'page.html'), '<script>alert(1)</script>')
  await mkdir(join(root, 'folder'))
  await writeFile(join(root, 'folder', '#1 <&">%.txt'), 'odd')
  await mkdir(join(root, 'folder', 'sub'))
  await mkdir(join(root, 'many'))
  for (let i = 0; i < 2_500; i += 1) await writeFile(join(root, 'many', `file-${i}`), '')
})
afterAll(() => started[Symbol.asyncDispose]())

const get = (headers: Record<string, string>) => dav('GET', '/ten.txt', { headers })

describe('GET', () => {
  it.each([
    ['bytes=2-4', 206, '234', 'bytes 2-4/10'],
    ['bytes=-3', 206, '789', 'bytes 7-9/10'],
    ['bytes=8-', 206, '89', 'bytes 8-9/10'],
    ['bytes=50-60', 416, 'no such range\n', 'bytes */10'],
    ['bytes=x', 200, '0123456789', undefined],
  ])('Range %s → %d (check 29)', async (range, status, text, contentRange) => {
    const answer = await get({ range })
    expect([answer.status, answer.text, answer.headers['content-range']]).toEqual([
      status,
      text,
      contentRange,
    ])
  })

  it('several ranges come as multipart/byteranges of the announced length', async () => {
    const { status, headers, text } = await get({ range: 'bytes=0-1,-2' })
    expect(status).toBe(206)
    const boundary = /boundary=(.+)$/.exec(headers['content-type'] ?? '')?.[1]
    expect(Number(headers['content-length'])).toBe(text.length)
    const parts = text.split(`--${boundary}`).map((part) => part.split('\r\n\r\n')[1]?.trimEnd())
    expect(parts).toEqual([undefined, '01', '89', undefined])
    expect(text).toContain('Content-Range: bytes 8-9/10')
  })

  it('conditions: 304 for what the client has, 412 for another version, If-Range for ranges', async () => {
    const { headers } = await get({})
    const etag = headers.etag ?? ''
    const date = headers['last-modified'] ?? ''
    expect((await get({ 'if-none-match': etag })).status).toBe(304)
    expect((await get({ 'if-modified-since': date })).status).toBe(304)
    expect((await get({ 'if-match': '"x"' })).status).toBe(412)
    expect((await get({ range: 'bytes=0-1', 'if-range': etag })).status).toBe(206)
    expect((await get({ range: 'bytes=0-1', 'if-range': date })).status).toBe(206)
    expect((await get({ range: 'bytes=0-1', 'if-range': '"x"' })).status).toBe(200)
  })

  it('HEAD has the headers of GET and no body', async () => {
    const { status, headers, text } = await dav('HEAD', '/ten.txt')
    expect([status, headers['content-length'], text]).toEqual([200, '10', ''])
    expect(headers['content-type']).toBe('text/plain; charset=utf-8')
  })

  it('an uploaded page cannot run script with our credentials', async () => {
    expect((await dav('GET', '/page.html')).headers['content-security-policy']).toBe('sandbox')
  })
})

const find = (path: string, depth: string, body = '') => dav('PROPFIND', path, { headers: { depth }, body })

describe('PROPFIND', () => {
  it('Depth infinity, missing and 7 are 403, 403 and 400 (check 10)', async () => {
    const infinity = await find('/', 'infinity')
    expect(infinity.status).toBe(403)
    expect(infinity.text).toContain('<D:propfind-finite-depth/>')
    expect((await dav('PROPFIND', '/')).status).toBe(403)
    expect((await find('/', '7')).status).toBe(400)
  })

  it('a file without a body: slim allprop', async () => {
    const { status, text } = await find('/ten.txt', '0')
    expect(status).toBe(207)
    const [found] = readMultistatus(text)
    expect(found?.href).toBe('/ten.txt')
    expect([...(found?.props.keys() ?? [])]).toEqual([
      'resourcetype',
      'getcontentlength',
      'getlastmodified',
      'getetag',
      'getcontenttype',
      'creationdate',
    ])
    expect(found?.props.get('getcontentlength')?.text).toBe('10')
  })

  it('a folder, with and without a slash, gives itself and its members with escaped hrefs', async () => {
    for (const path of ['/folder', '/folder/']) {
      const hrefs = readMultistatus((await find(path, '1')).text).map(({ href }) => href)
      expect(hrefs).toEqual(['/folder/', '/folder/%231%20%3C&%22%3E%25.txt', '/folder/sub/'])
    }
  })

  it('named properties: those there are 200, the others 404, and include adds to allprop', async () => {
    const body =
      '<propfind xmlns="DAV:"><prop><displayname/><getcontentlength/><nope/><x xmlns="urn:&quot;x"/></prop></propfind>'
    const [found] = readMultistatus((await find('/folder', '0', body)).text)
    const status = (name: string) => found?.props.get(name)?.status
    expect(['displayname', 'getcontentlength', 'nope', 'x'].map(status)).toEqual([200, 404, 404, 404])
    expect(found?.props.get('x')?.element.uri).toBe('urn:"x')
    const include = '<propfind xmlns="DAV:"><allprop/><include><displayname/></include></propfind>'
    const [included] = readMultistatus((await find('/folder', '0', include)).text)
    expect(included?.props.get('displayname')?.text).toBe('folder')
    expect(included?.props.get('resourcetype')?.status).toBe(200)
  })

  it('propname gives names without values', async () => {
    const [found] = readMultistatus(
      (await find('/ten.txt', '0', '<propfind xmlns="DAV:"><propname/></propfind>')).text,
    )
    expect(found?.props.get('getetag')).toMatchObject({ status: 200, text: '' })
    expect(found?.props.has('supportedlock')).toBe(true)
  })

  it('quota has its new names and the old ones that Finder asks for', async () => {
    const names = '<quota-available-bytes/><quota-used-bytes/><quota/><quotaused/>'
    const [found] = readMultistatus(
      (await find('/', '0', `<propfind xmlns="DAV:"><prop>${names}</prop></propfind>`)).text,
    )
    for (const { status, text } of found?.props.values() ?? []) {
      expect(status).toBe(200)
      expect(text).toMatch(/^\d+$/)
    }
  })

  it('a folder of many pages comes whole', async () => {
    const found = readMultistatus((await find('/many', '1')).text)
    expect(new Set(found.map(({ href }) => href)).size).toBe(2_501)
  })

  it('what is missing is 404', async () => {
    expect((await find('/missing', '0')).status).toBe(404)
  })
})

describe('PROPPATCH', () => {
  const patch = (path: string, inside: string) =>
    dav('PROPPATCH', path, { body: `<D:propertyupdate xmlns:D="DAV:">${inside}</D:propertyupdate>` })
  const set = (properties: string) => `<D:set><D:prop>${properties}</D:prop></D:set>`
  const statuses = (text: string) =>
    Object.fromEntries(
      [...(readMultistatus(text)[0]?.props ?? [])].map(([name, { status }]) => [name, status]),
    )
  const modified = async () => (await dav('HEAD', '/ten.txt')).headers['last-modified']

  it.each([
    [
      'DAV:lastmodified in unix seconds (rclone)',
      '<D:lastmodified>1500000000</D:lastmodified>',
      'Fri, 14 Jul 2017 02:40:00 GMT',
    ],
    [
      'getlastmodified',
      '<D:getlastmodified>Sun, 06 Nov 1994 08:49:37 GMT</D:getlastmodified>',
      'Sun, 06 Nov 1994 08:49:37 GMT',
    ],
    [
      'Win32LastModifiedTime (Explorer)',
      '<Win32LastModifiedTime xmlns="urn:schemas-microsoft-com:">Tue, 04 Mar 2014 10:00:00 GMT</Win32LastModifiedTime>',
      'Tue, 04 Mar 2014 10:00:00 GMT',
    ],
  ])('%s sets the time', async (_name, property, expected) => {
    const answer = await patch('/ten.txt', set(property))
    expect(answer.status).toBe(207)
    expect(Object.values(statuses(answer.text))).toEqual([200])
    expect(await modified()).toBe(expected)
  })

  it("all of Explorer's Win32 properties are accepted", async () => {
    const names = ['Win32CreationTime', 'Win32LastAccessTime', 'Win32FileAttributes']
    const properties = names.map((name) => `<${name} xmlns="urn:schemas-microsoft-com:">00000020</${name}>`)
    const { text } = await patch('/ten.txt', set(properties.join('')))
    expect(statuses(text)).toEqual(Object.fromEntries(names.map((name) => [name, 200])))
  })

  it('what cannot be set is 403, and then nothing else is', async () => {
    const before = await modified()
    const { text } = await patch(
      '/ten.txt',
      set('<D:getetag>x</D:getetag>') + set('<D:lastmodified>1</D:lastmodified><x xmlns="urn:x">1</x>'),
    )
    expect(statuses(text)).toEqual({ getetag: 403, x: 424, lastmodified: 424 })
    expect(text).toContain('cannot-modify-protected-property')
    expect(await modified()).toBe(before)
  })

  it('a time that is none is 409; a body that is none is 400', async () => {
    expect(statuses((await patch('/ten.txt', set('<D:lastmodified>soon</D:lastmodified>'))).text)).toEqual({
      lastmodified: 409,
    })
    expect((await patch('/ten.txt', '')).status).toBe(400)
    expect((await dav('PROPPATCH', '/ten.txt')).status).toBe(400)
    expect((await patch('/missing', set('<D:lastmodified>1</D:lastmodified>'))).status).toBe(404)
  })
})
