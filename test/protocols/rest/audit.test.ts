import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ALL_SCOPES, SCOPE_BITS } from '#permissions/scopes.ts'
import { fileEntry } from '#test/audit/log.ts'
import type { WorldKey } from '#test/world.ts'
import { errorShape, type Rest, startRest } from './client.ts'

let rest: Rest
let admin: WorldKey
let other: { id: string; name: string }
beforeAll(async () => {
  rest = await startRest()
  admin = await rest.world.issue()
  other = await rest.world.addSite('other')
  const at = { at: rest.world.clock.now(), siteId: rest.world.site.id }
  await rest.world.folder.records.audit.append([
    fileEntry('/photos/a.jpg', at),
    fileEntry('/photos/b.jpg', at),
    fileEntry('/photos/c.jpg → /d.jpg', { ...at, action: 'file.rename', target: '/d.jpg' }),
    fileEntry('/elsewhere', { ...at, siteId: other.id }),
  ])
})
afterAll(() => rest[Symbol.asyncDispose]())

const get = (path: string, key: string = admin.value) => rest.call(path, { key })
const page = { entries: expect.any(Array), next_cursor: null }

describe('R3: /api/v1/audit', () => {
  test('answers entries of the key’s own site with who, what, where from and the names of the time', async () => {
    const { status, json } = await get('/api/v1/audit?path=/d.jpg')
    expect(status).toBe(200)
    expect(json).toEqual({
      entries: [
        {
          sequence: expect.any(Number),
          at: expect.stringMatching(/^\d{4}-.*Z$/),
          action: 'file.rename',
          outcome: 'ok',
          reason: '',
          site: { id: rest.world.site.id, name: 'main' },
          user: { id: 'u1', name: 'ann' },
          key: { id: 'k1', name: 'first' },
          door: 'sftp',
          address: '10.0.0.1',
          subject: '/photos/c.jpg → /d.jpg',
          target: '/d.jpg',
        },
      ],
      next_cursor: null,
    })
    expect(await get('/api/v1/audit?path=/elsewhere')).toMatchObject({ json: { entries: [] } })
  })

  test('pages by cursor, the newest first', async () => {
    const seen: unknown[] = []
    for (let cursor = ''; ; ) {
      const { json } = await get(`/api/v1/audit?key=k1&limit=2${cursor}`)
      const { entries, next_cursor } = readPage(json)
      seen.push(...entries.map(({ subject }) => subject))
      if (next_cursor === null) break
      cursor = `&cursor=${next_cursor}`
    }
    expect(seen).toEqual(['/photos/c.jpg → /d.jpg', '/photos/b.jpg', '/photos/a.jpg'])
  })

  test('every filter is taken; the presented key’s own login is found', async () => {
    const filter = `action=login&outcome=ok&door=rest&address=127.0.0.1&key=${admin.name}&from=2020-01-01&until=2100-01-01`
    const { json } = await get(`/api/v1/audit?${filter}`)
    expect(json).toMatchObject({ entries: [{ key: { id: admin.id, name: admin.name } }] })
  })

  test.each(['outcome=maybe', 'from=yesterday', 'limit=0', 'cursor=x', 'colour=red', 'path=/a/../b'])(
    '%s is invalid',
    async (query) => {
      const { status, json } = await get(`/api/v1/audit?${query}`)
      expect([status, json]).toEqual([400, errorShape('invalid')])
    },
  )

  test.each(['/api/v1/audit', '/api/v1/audit/export', '/api/v1/sessions'])(
    '%s is for administrators with the scope admin only, and for their own site',
    async (path) => {
      const member = await rest.world.issue({ role: 'member' })
      const narrow = await rest.world.issue({ scopes: ALL_SCOPES & ~SCOPE_BITS.admin })
      for (const { value } of [member, narrow]) {
        const { status, json } = await get(path, value)
        expect([status, json]).toEqual([403, errorShape('forbidden')])
      }
      expect((await rest.call(path)).status).toBe(401)
      const foreign = await rest.world.issue({ site: 'other' })
      expect((await get(path, foreign.value)).text).not.toContain('/photos')
    },
  )

  test('export streams JSON lines, the oldest first, with each entry’s place in its chain', async () => {
    const { status, headers, text } = await get('/api/v1/audit/export?key=k1')
    expect([status, headers.get('content-type')]).toEqual([200, 'application/x-ndjson'])
    const lines = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines.map(({ subject }) => subject)).toEqual([
      '/photos/a.jpg',
      '/photos/b.jpg',
      '/photos/c.jpg → /d.jpg',
    ])
    expect(lines[1].chain.previous).toBe(lines[0].chain.hash)
  })

  test('a long export keeps memory flat: it reads on as the client does', async () => {
    const { records } = rest.world.folder
    const filler = { reason: 'x'.repeat(4_000) }
    const at = { at: rest.world.clock.now(), siteId: rest.world.site.id, keyId: 'many' }
    await records.audit.append(
      Array.from({ length: 8_000 }, (_, i) => fileEntry(`/${i}`, { ...at, ...filler })),
    )
    const key = (await rest.world.issue()).value
    const answer = await fetch(`http://127.0.0.1:${rest.port}/api/v1/audit/export?key=many`, {
      headers: { authorization: `Bearer ${key}` },
    })
    const reader = answer.body?.getReader()
    await reader?.read()
    await new Promise((resolve) => setTimeout(resolve, 300))
    let searches = 0
    const { search } = records.audit
    // Nobody reads: after what the buffers take, no page is read either.
    Object.assign(records.audit, {
      search: (...given: Parameters<typeof search>) => {
        searches += 1
        return search(...given)
      },
    })
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(searches).toBeLessThan(2)
    let bytes = 0
    for (let chunk = await reader?.read(); chunk && !chunk.done; chunk = await reader?.read()) {
      bytes += chunk.value.length
    }
    Object.assign(records.audit, { search })
    expect(searches).toBeGreaterThan(2)
    expect(bytes).toBeGreaterThan(7_000 * 4_000)
  })
})

describe('R4: /api/v1/sessions', () => {
  test('lists live sessions in pages and ends one', async () => {
    const { world } = rest
    const key = await world.issue({ user: 'ben' })
    const connection = { door: 'ftp', address: '192.0.2.7', client: 'lftp/4.9' } as const
    const proof = { kind: 'password', login: key.login, password: key.value } as const
    const login = await world.gate.login({ ...connection, proof, siteId: null })
    if (!login.ok) throw new Error('refused')
    const first = world.gate.open(login.principal, connection)
    const second = world.gate.open(login.principal, connection)
    world.clock.advance(1_000)
    await world.core.liveSessions.refresh()
    const one = await get('/api/v1/sessions?limit=1')
    expect(one.json).toEqual({
      sessions: [
        {
          id: expect.any(String),
          type: 'user',
          user: { id: expect.any(String), name: 'ben' },
          key: { id: key.id, name: key.name },
          door: 'ftp',
          address: '192.0.2.7',
          client: 'lftp/4.9',
          since: new Date(first.startedAt).toISOString(),
          bytes_in: 0,
          bytes_out: 0,
          current: null,
        },
      ],
      next_cursor: expect.any(String),
    })
    const foreign = await world.issue({ site: 'other' })
    const end = (id: string, value = admin.value) =>
      rest.call(`/api/v1/sessions/${id}`, { method: 'DELETE', key: value })
    expect((await end(second.id, foreign.value)).status).toBe(404)
    expect((await end(second.id)).status).toBe(204)
    expect([first.signal.aborted, second.signal.aborted]).toEqual([false, true])
    expect((await end(second.id)).status).toBe(404)
    const { json } = await get('/api/v1/audit?action=session.end')
    expect(json).toMatchObject({ entries: [{ key: { id: admin.id }, door: 'rest' }] })
    expect((await get('/api/v1/sessions')).json).toMatchObject({
      sessions: [{ id: first.id }],
      next_cursor: null,
    })
    first[Symbol.dispose]()
  })

  test('are described by the OpenAPI document', async () => {
    const { json } = await rest.call('/api/openapi.json')
    expect(json).toMatchObject({
      paths: {
        '/api/v1/audit': { get: { tags: ['audit'] } },
        '/api/v1/audit/export': { get: { responses: { 200: { content: { 'application/x-ndjson': {} } } } } },
        '/api/v1/sessions': { get: { tags: ['sessions'] } },
        '/api/v1/sessions/{id}': { delete: { tags: ['sessions'] } },
      },
    })
  })
})

function readPage(json: unknown): { entries: { subject: string }[]; next_cursor: string | null } {
  expect(json).toEqual({ ...page, next_cursor: expect.toSatisfy((next) => next === null || next !== '') })
  return JSON.parse(JSON.stringify(json))
}
