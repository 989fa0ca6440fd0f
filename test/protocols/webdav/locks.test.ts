import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Client, type DavWorld, readMultistatus, startDavWorld } from './client.ts'

let started: DavWorld
let dav: Client

beforeAll(async () => {
  started = await startDavWorld()
  dav = started.dav
})
afterAll(() => started[Symbol.asyncDispose]())

const lockInfo = (scope = 'exclusive', owner = '<D:owner><D:href>me</D:href></D:owner>') =>
  `<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:${scope}/></D:lockscope><D:locktype><D:write/></D:locktype>${owner}</D:lockinfo>`

async function lock(path: string, headers: Record<string, string> = {}, body = lockInfo()) {
  const answer = await dav('LOCK', path, { body, headers: { depth: '0', ...headers } })
  const token = /^<(urn:uuid:[^>]+)>$/.exec(String(answer.headers['lock-token']))?.[1] ?? ''
  return { ...answer, token }
}

const unlock = (path: string, token: string) =>
  dav('UNLOCK', path, { headers: { 'lock-token': `<${token}>` } })

const put = async (path: string, condition: string | null, client = dav) =>
  (await client('PUT', path, { body: 'x', headers: condition === null ? {} : { if: condition } })).status

describe('LOCK', () => {
  it('of a missing name makes an empty file and shows the lock', async () => {
    const { status, token, text } = await lock('/new', { timeout: 'Infinite, Second-100' })
    expect(status).toBe(201)
    expect(token).not.toBe('')
    expect(text).toContain('<D:timeout>Second-86400</D:timeout>')
    expect(text).toContain('<D:lockroot><D:href>/new</D:href></D:lockroot>')
    expect((await dav('GET', '/new')).headers['content-length']).toBe('0')
    const body = '<propfind xmlns="DAV:"><prop><lockdiscovery/><supportedlock/></prop></propfind>'
    const found = await dav('PROPFIND', '/new', { body, headers: { depth: '0' } })
    expect(found.text).toContain(token)
    expect(found.text).toContain('<owner xmlns="DAV:"><href xmlns="DAV:">me</href></owner>')
    expect(readMultistatus(found.text)[0]?.props.get('supportedlock')?.status).toBe(200)
    expect((await unlock('/new', token)).status).toBe(204)
  })

  it('the same key without the token is 423: PUT, DELETE, LOCK, MOVE, PROPPATCH (check 24)', async () => {
    await dav('PUT', '/held', { body: 'x' })
    const { token, status } = await lock('/held')
    expect(status).toBe(200)
    const refused = await dav('PUT', '/held', { body: 'y' })
    expect(refused.status).toBe(423)
    expect(refused.text).toContain('<D:lock-token-submitted><D:href>/held</D:href>')
    expect((await dav('DELETE', '/held')).status).toBe(423)
    const second = await lock('/held')
    expect(second.status).toBe(423)
    expect(second.text).toContain('<D:no-conflicting-lock>')
    expect((await dav('MOVE', '/held', { headers: { destination: '/held2' } })).status).toBe(423)
    const body =
      '<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><D:lastmodified>1</D:lastmodified></D:prop></D:set></D:propertyupdate>'
    expect((await dav('PROPPATCH', '/held', { body })).status).toBe(423)
    expect((await dav('GET', '/held')).text).toBe('x')
    await unlock('/held', token)
  })

  it('PUT with the token 204, from another key 423, with a bogus one 412 (check 25)', async () => {
    await dav('PUT', '/mine', { body: 'x' })
    const { token } = await lock('/mine')
    expect(await put('/mine', `(<${token}>)`)).toBe(204)
    expect(await put('/mine', `(<${token}>)`, await started.other())).toBe(423)
    expect(await put('/mine', '(<urn:uuid:00000000-0000-0000-0000-000000000000>)')).toBe(412)
    expect(await put('/mine', `<http://127.0.0.1:${dav.port}/mine> (<${token}>)`)).toBe(204)
    await unlock('/mine', token)
  })

  it('an ETag is not changed by LOCK and UNLOCK', async () => {
    const { headers } = await dav('PUT', '/steady', { body: 'x' })
    const { token } = await lock('/steady')
    await unlock('/steady', token)
    expect((await dav('HEAD', '/steady')).headers.etag).toBe(headers.etag)
  })

  it.each([
    ['()', 400],
    ['garbage', 400],
    ['(Not <DAV:no-lock>)', 204],
    ['(<DAV:no-lock>)', 412],
    ['(["x"])', 412],
    ['(["x"]) (Not <DAV:no-lock>)', 204],
    ['('.repeat(5_000), 400],
    ['<http://elsewhere.example/x> (<DAV:no-lock>)', 412],
  ])('If: %.30s → %d (check 26)', async (condition, status) => {
    await dav('PUT', '/if', { body: 'x' })
    expect(await put('/if', condition)).toBe(status)
  })

  it('If with the present ETag holds', async () => {
    const { headers } = await dav('PUT', '/if-etag', { body: 'x' })
    expect(await put('/if-etag', `([${headers.etag}])`)).toBe(204)
    expect(await put('/if-etag', `([${headers.etag}])`)).toBe(412)
  })

  it('an infinity lock on a folder binds what happens in it (check 27)', async () => {
    await dav('MKCOL', '/bound')
    await dav('PUT', '/outside', { body: 'x' })
    const { token } = await lock('/bound', { depth: 'infinity' })
    expect(await put('/bound/x', null)).toBe(423)
    expect((await dav('MKCOL', '/bound/sub')).status).toBe(423)
    expect((await dav('MOVE', '/outside', { headers: { destination: '/bound/in' } })).status).toBe(423)
    expect(await put('/bound/x', `</bound> (<${token}>)`)).toBe(201)
    expect((await unlock('/bound', 'urn:uuid:bogus')).status).toBe(409)
    expect((await unlock('/bound/x', token)).status).toBe(204)
    expect(await put('/bound/x', null)).toBe(204)
  })

  it('shared locks go together, an exclusive one beside them does not', async () => {
    await dav('PUT', '/shared', { body: 'x' })
    const first = await lock('/shared', {}, lockInfo('shared'))
    const second = await lock('/shared', {}, lockInfo('shared'))
    expect([first.status, second.status]).toEqual([200, 200])
    expect((await lock('/shared')).status).toBe(423)
    await unlock('/shared', first.token)
    await unlock('/shared', second.token)
  })

  it('is refreshed by its token, and ends with its time', async () => {
    await dav('PUT', '/timed', { body: 'x' })
    const { token } = await lock('/timed', { timeout: 'Second-60' })
    started.world.clock.advance(50_000)
    const again = await dav('LOCK', '/timed', { headers: { if: `(<${token}>)`, timeout: 'Second-60' } })
    expect(again.status).toBe(200)
    expect(again.text).toContain(token)
    started.world.clock.advance(50_000)
    expect(await put('/timed', null)).toBe(423)
    started.world.clock.advance(11_000)
    expect(await put('/timed', null)).toBe(204)
    expect((await dav('LOCK', '/timed', { headers: { if: `(<${token}>)` } })).status).toBe(412)
  })

  it.each([
    ['without a body and If', '', {}],
    ['of another body', '<x/>', {}],
    ['of Depth 1', lockInfo(), { depth: '1' }],
    ['of another scope', lockInfo('private'), {}],
  ])('%s is 400', async (_name, body, headers) => {
    expect((await lock('/bad', headers, body)).status).toBe(400)
    expect((await dav('GET', '/bad')).status).toBe(404)
  })

  it('a long owner is 413, and UNLOCK without a token 400', async () => {
    expect(
      (await lock('/bad', {}, lockInfo('exclusive', `<D:owner>${'x'.repeat(5_000)}</D:owner>`))).status,
    ).toBe(413)
    expect((await dav('UNLOCK', '/bad')).status).toBe(400)
  })
})
