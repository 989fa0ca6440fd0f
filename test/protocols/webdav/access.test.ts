import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { scopesOf } from '#permissions/scopes.ts'
import { type Client, clientOf, type DavWorld, sendRaw, startDavWorld } from './client.ts'

let started: DavWorld
let dav: Client

beforeAll(async () => {
  started = await startDavWorld()
  dav = started.dav
  await writeFile(join(started.world.root, 'ten.txt'), '0123456789')
  await mkdir(join(started.world.root, 'folder'))
})
afterAll(() => started[Symbol.asyncDispose]())

async function stillServes() {
  expect((await dav('GET', '/ten.txt')).text).toBe('0123456789')
}

describe('logging in', () => {
  it.each(['OPTIONS', 'GET', 'PROPFIND', 'PUT'])(
    '%s without credentials is challenged (check 1)',
    async (method) => {
      const answer = await dav(method, '/', { login: null })
      expect(answer.status).toBe(401)
      expect(answer.headers['www-authenticate']).toBe('Basic realm="Latchkey", charset="UTF-8"')
    },
  )

  it('the value as user and password opens; anything beside it does not (check 2, D2)', async () => {
    const { value, login, name, id } = started.key
    const status = async (text: string) =>
      (await dav('PROPFIND', '/', { login: text, headers: { depth: '0' } })).status
    for (const text of [
      `${value}:${value}`,
      `${login}:${value}`,
      `@api-${name}:${value}`,
      `api-${id}:${value}`,
    ])
      expect(await status(text), text).toBe(207)
    for (const text of [`${value}:x`, `${login}:${value}:x`, `${login}:`, `@api-nobody:${value}`])
      expect(await status(text), text).toBe(401)
  })

  it('a scheme that is not Basic is challenged', async () => {
    const answer = await dav('GET', '/', { login: null, headers: { authorization: 'Bearer x' } })
    expect(answer.status).toBe(401)
    expect(answer.headers['www-authenticate']).toContain('Basic')
  })

  it('a key without the scopes to change is refused everything that changes, and writes nothing', async () => {
    const { world } = started
    const key = await world.issue({
      scopes: scopesOf('files.list', 'files.read', 'folders.read', 'webdav.read'),
    })
    const reader = clientOf(dav.port, key)
    expect((await reader('GET', '/ten.txt')).status).toBe(200)
    const to = { headers: { destination: '/x' } }
    expect((await reader('PUT', '/x', { body: 'x' })).status).toBe(403)
    expect((await reader('MKCOL', '/x')).status).toBe(403)
    expect((await reader('DELETE', '/ten.txt')).status).toBe(403)
    expect((await reader('MOVE', '/ten.txt', to)).status).toBe(403)
    expect((await reader('COPY', '/ten.txt', to)).status).toBe(403)
    expect((await dav('GET', '/x')).status).toBe(404)
  })

  it('OPTIONS says classes 1, 2 and 3 and MS-Author-Via (check 4)', async () => {
    const { status, headers } = await dav('OPTIONS', '/')
    expect(status).toBe(200)
    expect(headers.dav).toBe('1, 2, 3')
    expect(headers['ms-author-via']).toBe('DAV')
    for (const method of ['PROPFIND', 'LOCK', 'MOVE']) expect(headers.allow).toContain(method)
  })

  it('a method that is not known is answered 405 with what is', async () => {
    const { status, headers } = await dav('PATCH', '/ten.txt', { body: 'x' })
    expect(status).toBe(405)
    expect(headers.allow).toContain('PUT')
  })
})

describe('bad targets', () => {
  it.each(['/%ff', '/%zz', '/a%2fb', '/..%2f..%2fetc%2fpasswd', '/%2e%2e/x', '/a%00b', '/a/../b', '/a#b'])(
    'GET %s is 400, and 401 without credentials (check 6, 7)',
    async (path) => {
      // node's own client refuses to send some of these.
      const head = `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n`
      expect(await sendRaw(dav.port, `${head}Authorization: ${dav.authorization}\r\n\r\n`)).toMatch(
        /^HTTP\/1.1 400 /,
      )
      expect(await sendRaw(dav.port, `${head}\r\n`)).toMatch(/^HTTP\/1.1 401 /)
      await stillServes()
    },
  )

  it.each(['/..%2fout', '/../../out', '/%ff', 'no-slash'])(
    'COPY and MOVE to %s are 400 (check 8)',
    async (destination) => {
      expect((await dav('COPY', '/ten.txt', { headers: { destination } })).status).toBe(400)
      expect((await dav('MOVE', '/ten.txt', { headers: { destination } })).status).toBe(400)
    },
  )

  it('COPY without Destination is 400', async () => {
    expect((await dav('COPY', '/ten.txt')).status).toBe(400)
  })

  it('a link out of the mount is not there (check 9)', async () => {
    await symlink('/etc', join(started.world.root, 'link'))
    expect((await dav('GET', '/link/passwd')).status).toBe(404)
    expect((await dav('GET', '/link')).status).toBe(404)
    expect((await dav('PROPFIND', '/link', { headers: { depth: '1' } })).status).toBe(404)
    expect((await dav('PROPFIND', '/', { headers: { depth: '1' } })).text).not.toContain('link')
  })

  it('a name of 300 bytes is 400, one of 255 is not', async () => {
    expect((await dav('PUT', `/${'n'.repeat(300)}`, { body: 'x' })).status).toBe(400)
    expect((await dav('PUT', `/${'n'.repeat(255)}`, { body: 'x' })).status).toBe(201)
  })
})

describe('bad bodies', () => {
  const bomb = `<!DOCTYPE l [<!ENTITY a0 "ha">${Array.from(
    { length: 30 },
    (_, i) => `<!ENTITY a${i + 1} "&a${i};&a${i};">`,
  ).join('')}]><D:propfind xmlns:D="DAV:"><D:prop><D:x>&a30;</D:x></D:prop></D:propfind>`

  it.each([
    ['an entity bomb', bomb],
    ['an external entity', '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>'],
    ['a DOCTYPE', '<!DOCTYPE x><propfind xmlns="DAV:"><allprop/></propfind>'],
    ['no XML', 'hello'],
    ['another root', '<x xmlns="DAV:"/>'],
    ['nothing asked for', '<propfind xmlns="DAV:"/>'],
    ['two things asked for', '<propfind xmlns="DAV:"><allprop/><propname/></propfind>'],
    ['an unbound prefix', '<D:propfind><D:allprop/></D:propfind>'],
    ['a cut body', '<propfind xmlns="DAV:"><allprop/>'],
  ])('PROPFIND with %s is 400 (check 11)', async (_name, body) => {
    expect((await dav('PROPFIND', '/', { body, headers: { depth: '0' } })).status).toBe(400)
  })

  it.each([
    ['64 MiB', () => Buffer.concat([Buffer.from('<a>'), Buffer.alloc(64 * 1024 * 1024, 'x')])],
    ['200,000 names', () => `<propfind xmlns="DAV:"><prop>${'<a/>'.repeat(200_000)}</prop></propfind>`],
    ['100,000 levels', () => '<a>'.repeat(100_000)],
  ])('%s of XML are 413 or cut, and others are served (check 12)', async (_name, body) => {
    const answer = dav('PROPFIND', '/', { body: body(), headers: { depth: '0' } }).then(
      ({ status }) => status,
      () => 'cut',
    )
    await stillServes()
    expect([413, 'cut']).toContain(await answer)
  })

  it('a Content-Length of 90 TiB is 413 (check 13)', async () => {
    const head = `PUT /big HTTP/1.1\r\nHost: x\r\nAuthorization: ${dav.authorization}\r\n`
    expect(await sendRaw(dav.port, `${head}Content-Length: 99999999999999\r\n\r\nabc`)).toMatch(
      /^HTTP\/1.1 413 /,
    )
    expect((await dav('GET', '/big')).status).toBe(404)
  })

  it('a gzip body is 401 or 415, never stored (check 14)', async () => {
    const garbage = { body: '\x1f\x8bgarbage', headers: { 'content-encoding': 'gzip' } }
    expect((await dav('PUT', '/zipped', { ...garbage, login: null })).status).toBe(401)
    expect((await dav('PUT', '/zipped', garbage)).status).toBe(415)
    expect((await dav('GET', '/zipped')).status).toBe(404)
    await stillServes()
  })

  it('a refusal comes before the body when the client waits for 100 Continue', async () => {
    const head = 'PUT /x HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n'
    const text = await sendRaw(dav.port, head)
    expect(text).toMatch(/^HTTP\/1.1 401 /)
    expect(text).not.toContain('100 Continue')
  })

  it('a refused PUT on a kept connection is not taken for the next request', async () => {
    const authorization = `Authorization: ${dav.authorization}\r\n`
    const inside = `DELETE /ten.txt HTTP/1.1\r\nHost: x\r\n${authorization}\r\n`
    const refused = `PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: ${inside.length}\r\n\r\n${inside}`
    const next = `GET /ten.txt HTTP/1.1\r\nHost: x\r\n${authorization}Connection: close\r\n\r\n`
    const text = await sendRaw(dav.port, refused + next)
    expect(text.match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 401', 'HTTP/1.1 200'])
    await stillServes()
  })
})
