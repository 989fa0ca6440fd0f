import { createHash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { rightsOf } from '#permissions/grants.ts'
import { ALL_SCOPES, scopesOf } from '#permissions/scopes.ts'
import type { WorldKey } from '#test/world.ts'
import { errorShape, type Rest, startRest } from './client.ts'

const FILES = '/api/v1/files'
const GRANTS = [{ path: '/team', rights: rightsOf('list', 'read', 'write', 'delete') }]

let rest: Rest
let key: string
let member: WorldKey
beforeAll(async () => {
  rest = await startRest()
  key = (await rest.world.issue({ name: 'of admin' })).value
  member = await rest.world.issue({ role: 'member', name: 'of member', user: 'mia', grants: GRANTS })
  await mkdir(join(rest.world.root, 'team'))
})
afterAll(() => rest[Symbol.asyncDispose]())

const put = (path: string, body: string, headers: Record<string, string> = {}, query = '') =>
  rest.call(`${FILES}${path}${query}`, { method: 'PUT', key: member.value, body, headers })
const get = (path: string, headers: Record<string, string> = {}) =>
  rest.call(`${FILES}${path}`, { key: member.value, headers })
const onDisk = (path: string) => readFile(join(rest.world.root, path), 'utf8')

describe('F1: a file', () => {
  test('is uploaded, described, read and listed', async () => {
    const made = await put('/team/a.txt', 'hello')
    const entry = {
      path: '/team/a.txt',
      name: 'a.txt',
      kind: 'file',
      size: 5,
      type: 'text/plain; charset=utf-8',
      modified_at: expect.stringMatching(/Z$/),
      created_at: expect.stringMatching(/Z$/),
      etag: expect.stringMatching(/^"[0-9a-f]{32}"$/),
    }
    expect(made).toMatchObject({ status: 201, json: entry })
    expect(made.headers.get('location')).toBe('/api/v1/files/team/a.txt')
    expect(await onDisk('team/a.txt')).toBe('hello')
    expect((await put('/team/a.txt', 'hello')).status).toBe(200)
    expect((await get('/team/a.txt?stat=true')).json).toMatchObject({ ...entry, path: '/team/a.txt' })
    const read = await get('/team/a.txt')
    expect(read).toMatchObject({ status: 200, text: 'hello' })
    expect(read.headers.get('content-security-policy')).toContain('sandbox')
    expect((await get('/team')).json).toEqual({ entries: [entry], next_cursor: null })
  })

  test.each([
    ['JSON', 'application/json', '{"a":1'],
    ['a form', 'application/x-www-form-urlencoded', 'a=1'],
    ['nothing known', 'x/y', 'z'],
  ])('of %s is stored as it is', async (_, type, body) => {
    expect((await put('/team/typed', body, { 'content-type': type })).status).toBeLessThan(300)
    expect(await onDisk('team/typed')).toBe(body)
  })

  test.each(['späße 100% #1?.txt', 'a;b=c&d+e.txt', '日本.txt', 'purge', '%2e%2e', ' x ', 'q"\'<>.txt'])(
    'has the odd name %s, exactly',
    async (name) => {
      const path = `/team/${encodeURIComponent(name)}`
      expect(await put(path, name)).toMatchObject({ status: 201, json: { name } })
      expect(await onDisk(join('team', name))).toBe(name)
      expect((await get(path)).text).toBe(name)
      const gone = await rest.call(`${FILES}${path}`, { method: 'DELETE', key: member.value })
      expect(gone.status).toBe(204)
    },
  )

  test.each(['/team/a%2fb', '/team/%2e%2e%2fx', '/team/%00', '/team//x', '/team/%ff'])(
    'cannot be named %s',
    async (path) => {
      expect((await put(path, 'x')).status).toBe(400)
    },
  )

  test('is given a time, its folders are made, and its checksum is checked', async () => {
    const digest = createHash('sha256').update('sum').digest('base64')
    const headers = { 'repr-digest': `sha-256=:${digest}:` }
    const query = '?parents=true&modified_at=2020-01-02T03:04:05Z'
    const made = await put('/team/new/deep/sum.txt', 'sum', headers, query)
    expect(made).toMatchObject({ status: 201, json: { modified_at: '2020-01-02T03:04:05.000Z' } })
    const wrong = await put('/team/other.txt', 'another', headers)
    expect(wrong).toMatchObject({ status: 400, json: errorShape('invalid') })
    expect((await get('/team/other.txt')).status).toBe(404)
    expect((await put('/team/no/such/folder.txt', 'x')).status).toBe(409)
  })
})

describe('conditions and ranges', () => {
  test('If-None-Match: * does not replace, If-Match replaces this version only', async () => {
    const first = await put('/team/c.txt', 'one', { 'if-none-match': '*' })
    expect(first.status).toBe(201)
    expect((await put('/team/c.txt', 'two', { 'if-none-match': '*' })).status).toBe(412)
    const etag = first.headers.get('etag') ?? ''
    expect((await put('/team/c.txt', 'two', { 'if-match': etag })).status).toBe(200)
    expect(await put('/team/c.txt', 'three', { 'if-match': etag })).toMatchObject({
      status: 412,
      json: errorShape('precondition'),
    })
    const stale = { method: 'DELETE', key: member.value, headers: { 'if-match': etag } }
    expect((await rest.call(`${FILES}/team/c.txt`, stale)).status).toBe(412)
    expect(await onDisk('team/c.txt')).toBe('two')
  })

  test.each([
    ['bytes=2-4', 206, 'cde', 'bytes 2-4/10'],
    ['bytes=-3', 206, 'hij', 'bytes 7-9/10'],
    ['bytes=8-', 206, 'ij', 'bytes 8-9/10'],
    ['bytes=20-', 416, null, 'bytes */10'],
    ['lines=1-2', 200, 'abcdefghij', null],
  ])('Range: %s', async (range, status, text, contentRange) => {
    await writeFile(join(rest.world.root, 'team/r.txt'), 'abcdefghij')
    const answer = await get('/team/r.txt', { range })
    expect(answer.status).toBe(status)
    if (text !== null) expect(answer.text).toBe(text)
    else expect(answer.json).toEqual(errorShape('range'))
    expect(answer.headers.get('content-range')).toBe(contentRange)
  })

  test('If-None-Match: 304; HEAD: the same head without bytes', async () => {
    await put('/team/n.txt', 'abc')
    const { headers } = await get('/team/n.txt')
    const etag = headers.get('etag') ?? ''
    expect(await get('/team/n.txt', { 'if-none-match': etag })).toMatchObject({ status: 304, text: '' })
    const head = await rest.call(`${FILES}/team/n.txt`, { method: 'HEAD', key: member.value })
    expect(head).toMatchObject({ status: 200, text: '' })
    expect(head.headers.get('content-length')).toBe('3')
    expect(head.headers.get('etag')).toBe(etag)
    const gone = await rest.call(`${FILES}/team/none.txt`, { method: 'HEAD', key: member.value })
    expect(gone.status).toBe(404)
  })
})

describe('folders and changes', () => {
  const post = (path: string, body: object, who = member.value) => rest.call(path, { key: who, body })

  test('a folder is made, listed in pages, copied, moved and deleted', async () => {
    expect(await post('/api/v1/folders', { path: '/team/f' })).toMatchObject({ status: 201 })
    expect((await post('/api/v1/folders', { path: '/team/f' })).status).toBe(409)
    for (const name of ['a', 'b', 'c', 'd', 'e']) await put(`/team/f/${name}`, name)
    const names: string[] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const query = cursor === '' ? '' : `&cursor=${cursor}`
      const { json } = await get(`/team/f?limit=2${query}`)
      const page = json as { entries: { name: string }[]; next_cursor: string | null }
      names.push(...page.entries.map(({ name }) => name))
      cursor = page.next_cursor
    }
    expect(names).toEqual(['a', 'b', 'c', 'd', 'e'])
    const copy = { from: '/team/f', to: '/team/g' }
    expect(await post(`${FILES}/copy`, copy)).toMatchObject({ status: 201, json: { outcome: 'created' } })
    expect((await post(`${FILES}/copy`, copy)).status).toBe(409)
    expect((await post(`${FILES}/copy`, { ...copy, overwrite: true })).json).toMatchObject({
      outcome: 'replaced',
    })
    expect((await post(`${FILES}/move`, { from: '/team/g', to: '/team/h' })).status).toBe(201)
    expect(await onDisk('team/h/e')).toBe('e')
    const remove = (query: string) =>
      rest.call(`${FILES}/team/h${query}`, { method: 'DELETE', key: member.value })
    expect((await remove('')).status).toBe(409)
    expect((await remove('?tree=true')).status).toBe(204)
    expect((await get('/team/h')).status).toBe(404)
  })

  test('times are set and room is told', async () => {
    await put('/team/t.txt', 't')
    const modified_at = '2021-06-01T00:00:00.000Z'
    const answer = await post(`${FILES}/times`, { path: '/team/t.txt', modified_at })
    expect(answer).toMatchObject({ status: 200, json: { modified_at } })
    const room = await rest.call('/api/v1/space?path=/team', { key: member.value })
    expect(room.json).toEqual({
      total: expect.any(Number),
      available: expect.any(Number),
      used: expect.any(Number),
    })
  })

  test('a lock of another door binds this one: 423, unless its token is shown', async () => {
    await put('/team/locked.txt', 'x')
    const { port } = await rest.world.start('webdav')
    const { login, value } = member
    const locked = await fetch(`http://127.0.0.1:${port}/team/locked.txt`, {
      method: 'LOCK',
      headers: { authorization: `Basic ${Buffer.from(`${login}:${value}`).toString('base64')}` },
      body: '<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>',
    })
    const token = locked.headers.get('lock-token') ?? ''
    expect(await put('/team/locked.txt', 'y')).toMatchObject({ status: 423, json: errorShape('locked') })
    expect((await put('/team/locked.txt', 'y', { 'lock-token': token })).status).toBe(200)
  })
})

describe('who may', () => {
  test('what lies outside of the grants is not there, and nothing is written there', async () => {
    await writeFile(join(rest.world.root, 'secret.txt'), 's')
    expect((await get('/secret.txt')).status).toBe(404)
    expect((await put('/mine.txt', 'x')).status).toBe(404)
    expect((await rest.call(`${FILES}/secret.txt`, { key })).text).toBe('s')
    expect((await rest.call(`${FILES}/secret.txt`)).status).toBe(401)
  })

  test('a key without the scope rest, and one without files.read', async () => {
    const noDoor = await rest.world.issue({ name: 'no rest', scopes: ALL_SCOPES & ~scopesOf('rest') })
    expect((await rest.call(FILES, { key: noDoor.value })).status).toBe(401)
    const noRead = await rest.world.issue({ name: 'no read', scopes: scopesOf('rest', 'files.list') })
    await put('/team/unread.txt', 'x')
    expect((await rest.call(`${FILES}/team`, { key: noRead.value })).status).toBe(200)
    expect((await rest.call(`${FILES}/team/unread.txt`, { key: noRead.value })).status).toBe(403)
  })

  test('D3: any header form presents the key', async () => {
    const { value } = member
    const forms: Record<string, string>[] = [
      { authorization: `ApiKey ${value}` },
      { 'x-custom-auth-key': value },
      { 'x-filesapi-key': value },
      { 'xf-api-key': value },
    ]
    for (const headers of forms) expect((await rest.call(`${FILES}/team`, { headers })).status).toBe(200)
  })

  test('R3: the audit has what was written', async () => {
    await put('/team/audited.txt', 'x')
    const written = '/api/v1/audit?path=/team/audited.txt&action=file.write'
    const found = async () => (await rest.call(written, { key })).text
    await expect.poll(found, { timeout: 15_000 }).toContain('"door":"rest"')
  })
})
