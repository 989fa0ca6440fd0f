import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { childElements, serializeXml } from '#net/xml.ts'
import { type Client, type DavWorld, readMultistatus, startDavWorld } from './client.ts'

let started: DavWorld
let dav: Client

beforeAll(async () => {
  started = await startDavWorld()
  dav = started.dav
})
afterAll(() => started[Symbol.asyncDispose]())

const update = (inside: string, more = '') =>
  `<D:propertyupdate xmlns:D="DAV:"${more}>${inside}</D:propertyupdate>`
const set = (properties: string) => `<D:set><D:prop>${properties}</D:prop></D:set>`
const remove = (properties: string) => `<D:remove><D:prop>${properties}</D:prop></D:remove>`
const patch = (path: string, body: string, headers = {}) => dav('PROPPATCH', path, { body, headers })
const ask = (path: string, inside: string, depth = '0') =>
  dav('PROPFIND', path, { headers: { depth }, body: `<propfind xmlns="DAV:">${inside}</propfind>` })
const named = (path: string, properties: string) => ask(path, `<prop>${properties}</prop>`)

const statuses = (text: string) =>
  Object.fromEntries([...(readMultistatus(text)[0]?.props ?? [])].map(([name, { status }]) => [name, status]))

async function property(path: string, name: string, uri = 'urn:x') {
  const { text } = await named(path, `<${name} xmlns="${uri}"/>`)
  return readMultistatus(text)[0]?.props.get(name)
}

describe('dead properties', () => {
  it('are set, read by name, by allprop and propname, replaced and removed', async () => {
    await dav('PUT', '/a', { body: 'a' })
    const { status, text } = await patch('/a', update(set('<x xmlns="urn:x">one</x><y xmlns="urn:x"/>')))
    expect(status).toBe(207)
    expect(statuses(text)).toEqual({ x: 200, y: 200 })
    expect(await property('/a', 'x')).toMatchObject({ status: 200, text: 'one' })
    expect(statuses((await ask('/a', '<allprop/>')).text)).toMatchObject({ x: 200, y: 200, getetag: 200 })
    expect(statuses((await ask('/a', '<propname/>')).text)).toMatchObject({ x: 200, y: 200 })
    expect((await ask('/a', '<propname/>')).text).not.toContain('one')
    await patch('/a', update(set('<x xmlns="urn:x">two</x>') + remove('<y xmlns="urn:x"/>')))
    expect(await property('/a', 'x')).toMatchObject({ text: 'two' })
    expect(await property('/a', 'y')).toMatchObject({ status: 404 })
  })

  it('are changed in the order in which they stand, all or nothing (RFC 4918 §9.2)', async () => {
    await dav('PUT', '/order', { body: 'a' })
    const x = (text: string) => `<x xmlns="urn:x">${text}</x>`
    await patch('/order', update(set(x('1')) + remove(x('')) + set(x('2'))))
    expect(await property('/order', 'x')).toMatchObject({ text: '2' })
    const { text } = await patch('/order', update(set(x('3')) + set('<D:getetag>x</D:getetag>')))
    expect(statuses(text)).toEqual({ x: 424, getetag: 403 })
    expect(await property('/order', 'x')).toMatchObject({ text: '2' })
  })

  it('keep elements, attributes, prefixes, mixed content and xml:lang as they came (§4.3)', async () => {
    await dav('MKCOL', '/kept')
    const inside =
      '<q:p q:a="1 &lt; &quot;2&quot;" type="r:name">text &amp; <i xmlns="">é</i><q:e/>\n tail]]&gt;</q:p>'
    const body = update(
      `<D:set xml:lang="de">${'<D:prop>'}${inside}</D:prop></D:set>`,
      ' xmlns:q="urn:q" xmlns:r="urn:r" xmlns:unused="urn:u"',
    )
    expect((await patch('/kept/', body)).status).toBe(207)
    const { text } = await ask('/kept', '<allprop/>')
    expect(text).toContain(
      '<q:p xmlns:q="urn:q" xmlns:r="urn:r" q:a="1 &lt; &quot;2&quot;" type="r:name" xml:lang="de">' +
        'text &amp; <i xmlns="">é</i><q:e/>\n tail]]&gt;</q:p>',
    )
    const found = readMultistatus(text)[0]?.props.get('p')?.element
    expect(found?.attributes.map(({ local, value }) => [local, value])).toEqual([
      ['a', '1 < "2"'],
      ['type', 'r:name'],
      ['lang', 'de'],
    ])
  })

  it('of one name in two namespaces, and in none, are three', async () => {
    await dav('PUT', '/spaces', { body: 'a' })
    const three = '<n xmlns="urn:1">1</n><n xmlns="urn:2">2</n><n xmlns="">0</n>'
    await patch('/spaces', update(set(three)))
    for (const [uri, text] of [
      ['urn:1', '1'],
      ['urn:2', '2'],
      ['', '0'],
    ] as const) {
      expect(await property('/spaces', 'n', uri), uri).toMatchObject({ status: 200, text })
    }
  })

  it('follow MOVE and COPY with their folder, and go with DELETE', async () => {
    await dav('MKCOL', '/tree')
    await dav('PUT', '/tree/f', { body: 'f' })
    await patch('/tree/f', update(set('<x xmlns="urn:x">f</x>')))
    await dav('COPY', '/tree', { headers: { destination: '/copied' } })
    await dav('MOVE', '/tree', { headers: { destination: '/moved' } })
    expect(await property('/copied/f', 'x')).toMatchObject({ text: 'f' })
    expect(await property('/moved/f', 'x')).toMatchObject({ text: 'f' })
    await dav('DELETE', '/moved')
    await dav('MKCOL', '/moved')
    await dav('PUT', '/moved/f', { body: 'f' })
    expect(await property('/moved/f', 'x')).toMatchObject({ status: 404 })
  })

  it('stay when the file is replaced by PUT', async () => {
    await dav('PUT', '/stay', { body: '1' })
    await patch('/stay', update(set('<x xmlns="urn:x">s</x>')))
    await dav('PUT', '/stay', { body: '2' })
    expect(await property('/stay', 'x')).toMatchObject({ text: 's' })
  })

  it('are told for the members of a folder that have them', async () => {
    await dav('MKCOL', '/members')
    for (const name of ['a', 'b']) await dav('PUT', `/members/${name}`, { body: name })
    await patch('/members/b', update(set('<x xmlns="urn:x">b</x>')))
    const { text } = await ask('/members', '<prop><x xmlns="urn:x"/></prop>', '1')
    const found = readMultistatus(text).map(({ href, props }) => [href, props.get('x')?.status])
    expect(found).toEqual([
      ['/members/', 404],
      ['/members/a', 404],
      ['/members/b', 200],
    ])
  })

  it('beyond 200, or longer than 32 Ki characters, are 507, and nothing is kept', async () => {
    await dav('PUT', '/full', { body: 'a' })
    const many = Array.from({ length: 201 }, (_, i) => `<n${i} xmlns="urn:x"/>`).join('')
    expect(statuses((await patch('/full', update(set(many)))).text)).toMatchObject({ n0: 507, n200: 507 })
    const long = `<x xmlns="urn:x">${'x'.repeat(40_000)}</x>`
    expect(statuses((await patch('/full', update(set(long)))).text)).toEqual({ x: 507 })
    expect(Object.keys(statuses((await ask('/full', '<allprop/>')).text))).toHaveLength(6)
  })

  it('displayname may be set, and is the name until then', async () => {
    await dav('PUT', '/shown', { body: 'a' })
    expect(await property('/shown', 'displayname', 'DAV:')).toMatchObject({ text: 'shown' })
    await patch('/shown', update(set('<D:displayname>Other &amp; better</D:displayname>')))
    expect(await property('/shown', 'displayname', 'DAV:')).toMatchObject({ text: 'Other & better' })
  })

  it('are not changed under a lock without its token', async () => {
    await dav('PUT', '/held', { body: 'a' })
    const body =
      '<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>'
    const { headers } = await dav('LOCK', '/held', { body, headers: { depth: '0' } })
    const change = update(set('<x xmlns="urn:x">1</x>'))
    expect((await patch('/held', change)).status).toBe(423)
    expect((await patch('/held', change, { if: `(${headers['lock-token']})` })).status).toBe(207)
  })

  it('what a value holds cannot break out of the answer', async () => {
    await dav('PUT', '/hostile', { body: 'a' })
    const value = '<x xmlns="urn:x">&lt;/D:prop&gt;<![CDATA[</D:multistatus>]]></x>'
    await patch('/hostile', update(set(value)))
    const found = readMultistatus((await ask('/hostile', '<allprop/>')).text)
    expect(found).toHaveLength(1)
    expect(found[0]?.props.get('x')?.text).toBe('</D:prop></D:multistatus>')
    const element = found[0]?.props.get('x')?.element
    expect(element && childElements(element)).toEqual([])
    expect(element && serializeXml(element)).toContain('&lt;/D:prop&gt;')
  })
})

describe("Explorer's properties", () => {
  const MS = 'urn:schemas-microsoft-com:'
  const times = ['Win32CreationTime', 'Win32LastAccessTime'].map(
    (name) => `<${name} xmlns="${MS}">Tue, 04 Mar 2014 10:00:00 GMT</${name}>`,
  )
  const attributes = `<Win32FileAttributes xmlns="${MS}">00000022</Win32FileAttributes>`
  const modified = `<Win32LastModifiedTime xmlns="${MS}">Tue, 04 Mar 2014 10:00:00 GMT</Win32LastModifiedTime>`

  it('are kept; the modification time is the file’s own', async () => {
    const { headers } = await dav('PUT', '/win', { body: 'a' })
    const answer = await patch('/win', update(set(times.join('') + attributes + modified)))
    expect(Object.values(statuses(answer.text))).toEqual([200, 200, 200, 200])
    expect(await property('/win', 'Win32FileAttributes', MS)).toMatchObject({ text: '00000022' })
    const date = 'Tue, 04 Mar 2014 10:00:00 GMT'
    expect(await property('/win', 'Win32CreationTime', MS)).toMatchObject({ text: date })
    expect(await property('/win', 'Win32LastModifiedTime', MS)).toMatchObject({ text: date })
    const head = await dav('HEAD', '/win')
    expect([head.headers['last-modified'], head.headers.etag]).toEqual([date, headers.etag])
  })

  it('leave allprop slim: of them only the attributes are told, and an entry takes 600 bytes at most', async () => {
    await dav('MKCOL', '/slim')
    await dav('PUT', '/slim/a%20file%20of%20an%20ordinary%20name.txt', { body: 'a' })
    await patch('/slim/a%20file%20of%20an%20ordinary%20name.txt', update(set(times.join('') + attributes)))
    const { text } = await dav('PROPFIND', '/slim', { headers: { depth: '1' } })
    const entry = text.split('<D:response>')[2] ?? ''
    expect(entry).toContain('00000022')
    expect(entry).not.toContain('Win32CreationTime')
    expect(entry.length).toBeLessThan(600)
  })
})
