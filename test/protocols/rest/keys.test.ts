import { request as httpRequest } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readValue } from '#credentials/values.ts'
import { updateSite } from '#identity/sites.ts'
import { setPassword } from '#identity/users.ts'
import { ALL_SCOPES, scopesOf } from '#permissions/scopes.ts'
import type { WorldKey } from '#test/world.ts'
import { errorShape, type Rest, startRest } from './client.ts'

const KEYS = '/api/v1/keys'
const OPERATOR = { kind: 'command_line' } as const

let rest: Rest
let site: WorldKey
let admin: WorldKey
let member: WorldKey
beforeAll(async () => {
  rest = await startRest()
  site = await rest.world.issue({ type: 'site', name: 'site key' })
  admin = await rest.world.issue({ name: 'of admin' })
  member = await rest.world.issue({ role: 'member', name: 'of member' })
})
afterAll(() => rest[Symbol.asyncDispose]())

let count = 0
const create = (body: object = {}, key = site.value) =>
  rest.call(KEYS, { key, body: { name: `made ${++count}`, user: 'member', ...body } })
const made = async (body: object = {}) => {
  const { status, json } = await create(body)
  expect(status).toBe(201)
  return json as { id: string; name: string; value: string; secret_access_key: string | null }
}

describe('keys', () => {
  test('K4 and K12: are created with secrets that no other answer shows', async () => {
    const { status, headers, json } = await create({ s3: true, description: 'd', expires_at: '2090-01-01' })
    expect(status).toBe(201)
    expect(json).toMatchObject({
      type: 'user',
      user: { name: 'member' },
      description: 'd',
      enabled: true,
      state: 'active',
      expires_at: '2090-01-01T00:00:00.000Z',
      access_key_id: expect.stringMatching(/^LK[0-9A-Z]{18}$/),
      secret_access_key: expect.stringMatching(/^[0-9A-Za-z]{40}$/),
    })
    const { id, value, secret_access_key } = json as Awaited<ReturnType<typeof made>>
    expect(readValue(value)).toEqual({ kind: 'generated', keyId: id })
    expect(headers.get('location')).toBe(`${KEYS}/${id}`)
    expect(headers.get('cache-control')).toBe('no-store')
    const texts = await Promise.all([
      rest.call(`${KEYS}/${id}`, { key: site.value }),
      rest.call(KEYS, { key: site.value }),
      rest.call(`${KEYS}/${id}`, { key: site.value, method: 'PATCH', body: { description: 'e' } }),
    ])
    for (const { status, text } of texts) {
      expect(status).toBe(200)
      expect(text).toContain(id)
      expect(text).not.toContain(value)
      expect(text).not.toContain(secret_access_key)
    }
    expect(JSON.stringify(rest.world.logs)).not.toContain(value)
  })

  test('a new key works, and does what it was made for', async () => {
    const { value, id } = await made({ scopes: ['read_only'], base_path: '/photos' })
    const { json } = await rest.call('/api/test/api-key', { key: value })
    expect(json).toMatchObject({ id, base_path: '/photos', user: { name: 'member' } })
  })

  test('K2: an administrator’s key makes keys for itself, for others, and for the site', async () => {
    expect((await create({ user: undefined }, admin.value)).json).toMatchObject({ user: { name: 'admin' } })
    expect((await create({}, admin.value)).json).toMatchObject({ user: { name: 'member' } })
    expect((await create({ user: undefined, type: 'site' }, admin.value)).json).toMatchObject({
      type: 'site',
    })
  })

  test('K7: are disabled and enabled; a disabled key is refused at once', async () => {
    const { id, value } = await made()
    const post = (verb: string) => rest.call(`${KEYS}/${id}/${verb}`, { key: site.value, method: 'POST' })
    const status = async () => (await rest.call('/api/test/api-key', { key: value })).status
    expect(await status()).toBe(200)
    expect(await post('disable')).toMatchObject({ status: 200, json: { enabled: false, state: 'disabled' } })
    expect(await status()).toBe(401)
    expect(await post('enable')).toMatchObject({ status: 200, json: { enabled: true, state: 'active' } })
    expect(await status()).toBe(200)
  })

  test('a verb without a body may name a content type all the same', async () => {
    const { id } = await made()
    const headers = { 'content-type': 'application/json' }
    const answer = await rest.call(`${KEYS}/${id}/disable`, { key: site.value, method: 'POST', headers })
    expect(answer.status).toBe(200)
  })

  test('are changed by what is named, and the rest stays', async () => {
    const { id, name } = await made({ description: 'old' })
    const patch = (body: object) => rest.call(`${KEYS}/${id}`, { key: site.value, method: 'PATCH', body })
    expect((await patch({ scopes: ['files.read'], expires_at: null })).json).toMatchObject({
      name,
      description: 'old',
      scopes: ['files.read'],
      expires_at: null,
    })
    expect((await patch({ name: `${name} new`, enabled: false })).json).toMatchObject({
      name: `${name} new`,
      enabled: false,
      scopes: ['files.read'],
    })
  })

  test('K8: are deleted for good', async () => {
    const { id, value } = await made()
    const remove = () => rest.call(`${KEYS}/${id}`, { key: site.value, method: 'DELETE' })
    expect(await remove()).toMatchObject({ status: 204, text: '' })
    expect(await remove()).toMatchObject({ status: 404, json: errorShape('not_found', []) })
    expect((await rest.call('/api/test/api-key', { key: value })).status).toBe(401)
  })

  test('a key that disables itself gets its answer, and is refused from then on', async () => {
    const own = await rest.world.issue()
    const disable = () => rest.call(`${KEYS}/${own.id}/disable`, { key: own.value, method: 'POST' })
    expect(await disable()).toMatchObject({ status: 200, json: { enabled: false } })
    expect((await disable()).status).toBe(401)
  })

  test('R1: a key that is revoked while its request comes in creates nothing', async () => {
    const own = await rest.world.issue()
    const name = 'made too late'
    const status = new Promise<number | undefined>((resolve, reject) => {
      const body = JSON.stringify({ name, type: 'site' })
      const headers = { authorization: `Bearer ${own.value}`, 'content-type': 'application/json' }
      const request = httpRequest({ port: rest.port, path: KEYS, method: 'POST', headers })
      request.on('response', (response) => resolve(response.resume().statusCode)).on('error', reject)
      request.write(body.slice(0, 5))
      void expect
        .poll(() =>
          rest.world.core.gate.sessions.list().some(({ principal }) => principal.key?.id === own.id),
        )
        .toBe(true)
        .then(() => rest.world.disable(own.id))
        .then(() => request.end(body.slice(5)), reject)
    })
    expect(await status).toBe(401)
    expect(await rest.world.identity.store.keyByName(rest.world.site.id, name)).toBeNull()
  })
})

describe('K9: rotation', () => {
  const rotate = (id: string, key: string, body?: object) =>
    rest.call(`${KEYS}/${id}/rotate`, { key, method: 'POST', body })
  const enters = async (key: string) => (await rest.call('/api/test/api-key', { key })).status === 200

  test('answers a new value once; the old one goes on for the overlap and stops on the dot', async () => {
    const { id, value: old } = await made({ s3: true })
    const { status, json, text } = await rotate(id, site.value, { overlap_seconds: 3600, s3: true })
    expect(status).toBe(200)
    const { value, values, secret_access_key } = Object(json)
    expect(readValue(value)).toEqual({ kind: 'generated', keyId: id })
    expect(text).not.toContain(old)
    expect(secret_access_key).toMatch(/^[0-9A-Za-z]{40}$/)
    expect(Date.parse(values[0].stops_at) - Date.parse(values[1].created_at)).toBe(3_600_000)
    expect([await enters(old), await enters(value)]).toEqual([true, true])
    const shown = await rest.call(`${KEYS}/${id}`, { key: site.value })
    expect(shown.text).not.toContain(value)
    rest.world.clock.advance(3_600_000)
    expect([await enters(old), await enters(value)]).toEqual([false, true])
  })

  test('without a body stops the old value at once', async () => {
    const { id, value: old } = await made()
    const { status, json } = await rotate(id, site.value)
    expect(status).toBe(200)
    expect([await enters(old), await enters(Object(json).value)]).toEqual([false, true])
  })

  test.each([
    ['a negative overlap', { overlap_seconds: -1 }],
    ['more than 30 days', { overlap_seconds: 2_592_001 }],
    ['a pair where there is none', { s3: true }],
    ['an unknown field', { soon: true }],
  ])('refuses %s', async (_, body) => {
    expect(await rotate((await made()).id, site.value, body)).toMatchObject({
      status: 400,
      json: errorShape('invalid'),
    })
  })
})

describe('K11, S2 and S3: limits', () => {
  test('are given, shown and changed', async () => {
    const conditions = {
      allow: ['127.0.0.0/8'],
      doors: ['rest'],
      windows: [{ days: ['mon'], from: '00:00', to: '24:00', zone: 'UTC' }],
      not_before: '2020-01-01T00:00:00.000Z',
    }
    const { status, json } = await create({ conditions, storages: ['/'], scopes: [768, 'files.copy'] })
    expect(status).toBe(201)
    expect(json).toMatchObject({
      conditions: { ...conditions, deny: null },
      storages: [expect.any(String)],
      scopes: ['files.list', 'files.read', 'files.write', 'files.copy', 'folders.read', 'rest'],
    })
    const body = { conditions: { windows: null, deny: ['10.0.0.0/8'] }, storages: null }
    const changed = await rest.call(`${KEYS}/${Object(json).id}`, { key: site.value, method: 'PATCH', body })
    expect(changed.json).toMatchObject({
      conditions: { ...conditions, windows: null, deny: ['10.0.0.0/8'] },
      storages: null,
    })
  })
})

describe('K2: self-service', () => {
  test('people manage their own keys where the site allows it, and see nobody else’s', async () => {
    await using own = await startRest()
    const { world } = own
    const foreign = await world.issue({ name: 'of admin' })
    const members = await world.issue({ role: 'member', name: 'of member' })
    const { identity, site } = world
    const user = { name: 'member' }
    await setPassword(identity, OPERATOR, site.id, user, 'correct horse battery')
    const basic = `Basic ${Buffer.from('member:correct horse battery').toString('base64')}`
    const call = (path: string, request: { method?: string; body?: object } = {}) =>
      own.call(path, { ...request, headers: { authorization: basic } })
    expect((await call(KEYS)).status).toBe(403)
    await updateSite(identity, OPERATOR, site.id, { settings: { usersMayCreateKeys: true } })
    expect(Object((await call(KEYS)).json).keys).toEqual([expect.objectContaining({ id: members.id })])
    const made = await call(KEYS, { body: { name: 'mine' } })
    expect(made).toMatchObject({ status: 201, json: { user: { name: 'member' } } })
    expect((await call(KEYS, { body: { name: 'theirs', user: 'admin' } })).status).toBe(403)
    expect((await call(KEYS, { body: { name: 'all', type: 'site' } })).status).toBe(403)
    expect((await call(KEYS, { body: { type: 'guest' } })).status).toBe(403)
    const own_ = `${KEYS}/${Object(made.json).id}`
    expect((await call(own_, { method: 'PATCH', body: { scopes: ['read_only'] } })).status).toBe(200)
    expect((await call(`${own_}/rotate`, { method: 'POST' })).status).toBe(200)
    expect((await call(own_, { method: 'DELETE' })).status).toBe(204)
    for (const verb of ['', '/disable', '/enable', '/rotate']) {
      const method = verb === '' ? 'GET' : 'POST'
      expect((await call(`${KEYS}/${foreign.id}${verb}`, { method })).status).toBe(404)
    }
    // A member's key never may, whatever the site allows.
    expect((await own.call(KEYS, { key: members.value })).status).toBe(403)
    expect(
      (await own.call(`${KEYS}/${members.id}/rotate`, { key: members.value, method: 'POST' })).status,
    ).toBe(403)
  })
})

describe('a list of keys', () => {
  test('may be of one user, type or state', async () => {
    const off = await made()
    await rest.world.disable(off.id)
    const ids = async (query: string) => {
      const { json } = await rest.call(`${KEYS}?limit=1000&${query}`, { key: site.value })
      return Object(json).keys.map(({ id }: { id: string }) => id)
    }
    expect(await ids('user=admin')).toContain(admin.id)
    expect(await ids('user=admin')).not.toContain(member.id)
    expect(await ids('type=site')).toContain(site.id)
    expect(await ids('type=guest')).toEqual([])
    expect(await ids('state=disabled&user=member')).toContain(off.id)
    expect(await ids('state=active')).not.toContain(off.id)
  })

  test('comes in pages, each key once, also when a key goes in between', async () => {
    await using own = await startRest()
    const keys: string[] = []
    for (let i = 0; i < 8; i++) keys.push((await own.world.issue({ type: 'site' })).id)
    const key = await own.world.issue({ type: 'site' })
    keys.push(key.id)
    const page = async (cursor: string | null) => {
      const query = cursor === null ? '' : `&cursor=${cursor}`
      const { json } = await own.call(`${KEYS}?limit=3${query}`, { key: key.value })
      return json as { keys: { id: string }[]; next_cursor: string | null }
    }
    const first = await page(null)
    // The key that the cursor names.
    await own.world.remove(first.keys[2]?.id ?? '')
    const second = await page(first.next_cursor)
    const third = await page(second.next_cursor)
    const seen = [first, second, third].flatMap((one) => one.keys.map(({ id }) => id))
    expect(seen.toSorted()).toEqual(keys.toSorted())
    expect([first, second, third].map((one) => one.keys.length)).toEqual([3, 3, 3])
    expect(third.next_cursor).toBeNull()
  })

  test.each(['limit=0', 'limit=1001', 'limit=x', 'cursor=nonsense', 'cursor=', 'offset=1'])(
    '?%s is refused',
    async (query) => {
      const answer = await rest.call(`${KEYS}?${query}`, { key: site.value })
      expect(answer).toMatchObject({ status: 400, json: errorShape('invalid') })
    },
  )
})

describe('who may not', () => {
  const uses: [string, (key: string, id: string) => Promise<{ status: number; json: unknown }>][] = [
    ['create', (key) => create({}, key)],
    ['list', (key) => rest.call(KEYS, { key })],
    ['get', (key, id) => rest.call(`${KEYS}/${id}`, { key })],
    ['change', (key, id) => rest.call(`${KEYS}/${id}`, { key, method: 'PATCH', body: { enabled: true } })],
    ['delete', (key, id) => rest.call(`${KEYS}/${id}`, { key, method: 'DELETE' })],
    ['disable', (key, id) => rest.call(`${KEYS}/${id}/disable`, { key, method: 'POST' })],
    ['rotate', (key, id) => rest.call(`${KEYS}/${id}/rotate`, { key, method: 'POST' })],
    ['enable', (key, id) => rest.call(`${KEYS}/${id}/enable`, { key, method: 'POST' })],
  ]

  test.each(uses)('K1: a member’s key may not %s, its own included', async (_, use) => {
    const answer = await use(member.value, member.id)
    expect(answer).toMatchObject({ status: 403, json: errorShape('forbidden', []) })
  })

  test.each(uses)('an administrator’s key without the scope admin may not %s', async (_, use) => {
    const narrow = await rest.world.issue({ scopes: ALL_SCOPES & ~scopesOf('admin') })
    expect(await use(narrow.value, admin.id)).toMatchObject({
      status: 403,
      json: errorShape('forbidden', []),
    })
  })

  test.each(uses.slice(2))(
    'U2: a site key of another site may not %s: there is no such key',
    async (_, use) => {
      const name = `other ${++count}`
      await rest.world.addSite(name)
      const foreign = await rest.world.issue({ site: name, type: 'site' })
      expect(await use(foreign.value, admin.id)).toMatchObject({
        status: 404,
        json: errorShape('not_found', []),
      })
    },
  )

  test('U2: another site’s keys are not listed, and U3: its users get none here', async () => {
    await rest.world.addSite('far')
    const foreign = await rest.world.issue({ site: 'far', user: 'stranger' })
    const siteKey = await rest.world.issue({ site: 'far', type: 'site' })
    const { text } = await rest.call(KEYS, { key: siteKey.value })
    expect(text).toContain(foreign.id)
    expect(text).not.toContain(admin.id)
    expect((await create({ user: 'stranger' })).status).toBe(404)
  })

  test.each(uses)('nobody may %s without a key', async (_, use) => {
    expect(await use('', admin.id)).toMatchObject({ status: 401, json: errorShape('unauthenticated', []) })
  })
})

describe('a body is refused', () => {
  test.each([
    ['without a name', { name: undefined }, 400, 'invalid'],
    ['K3: with a bad name', { name: 'a/b' }, 400, 'invalid'],
    ['K3: with a taken name', { name: 'site key' }, 409, 'exists'],
    ['with a number for a name', { name: 7 }, 400, 'invalid'],
    ['with an unknown field', { colour: 'red' }, 400, 'invalid'],
    ['with an unknown type', { type: 'robot' }, 400, 'invalid'],
    ['K1: with a user for a guest key', { type: 'guest', name: 'guest' }, 400, 'invalid'],
    [
      'K1: with admin for a guest',
      { type: 'guest', name: 'guest', user: undefined, scopes: ['admin'] },
      400,
      'invalid',
    ],
    ['K11: with a range that is none', { conditions: { allow: ['10.0.0.0/99'] } }, 400, 'invalid'],
    ['K11: with an unknown condition', { conditions: { moon: 'full' } }, 400, 'invalid'],
    ['K11: with a time without a zone', { conditions: { not_before: '2090-01-01T10:00' } }, 400, 'invalid'],
    ['S2: with an unknown storage', { storages: ['/nowhere'] }, 400, 'invalid'],
    ['S3: with an unknown bit', { scopes: [16] }, 400, 'invalid'],
    ['K5: with a chosen value where that is not allowed', { value: 'long-enough-value' }, 400, 'invalid'],
    ['with an unknown scope', { scopes: ['files.fly'] }, 400, 'invalid'],
    ['with scopes as text', { scopes: 'full' }, 400, 'invalid'],
    ['with too many scopes', { scopes: Array.from({ length: 65 }, () => 'rest') }, 400, 'invalid'],
    ['with a base path that climbs', { base_path: '/a/../b' }, 400, 'invalid'],
    ['with a time without a zone', { expires_at: '2090-01-01T10:00' }, 400, 'invalid'],
    ['with a time that is over', { expires_at: '2020-01-01' }, 400, 'invalid'],
    ['with a user by name and id', { user_id: 'x' }, 400, 'invalid'],
    ['U3: with an unknown user', { user: 'nobody' }, 404, 'not_found'],
    ['K1: with a user for a site key', { type: 'site' }, 400, 'invalid'],
    ['K12: with a pair for a site key', { type: 'site', user: undefined, s3: true }, 400, 'invalid'],
  ])('%s', async (_, body, status, code) => {
    expect(await create(body)).toMatchObject({ status, json: errorShape(code) })
  })

  test('and told which field is wrong', async () => {
    const { json } = await create({ name: 7, colour: 'red' })
    expect(json).toMatchObject({
      error: {
        details: expect.arrayContaining([
          { field: '/name', message: 'must be string' },
          { field: '', message: 'must not have additional properties: colour' },
        ]),
      },
    })
  })

  test.each([
    ['that is no JSON', '{"name":', 'application/json', 400, 'invalid'],
    ['that is empty', '', 'application/json', 400, 'invalid'],
    ['that is a list', '[]', 'application/json', 400, 'invalid'],
    ['that would change prototypes', '{"__proto__":{"admin":true}}', 'application/json', 400, 'invalid'],
    ['of another type', 'name=x', 'text/plain', 415, 'invalid'],
    ['of more than 64 KiB', `{"name":"${'x'.repeat(65_536)}"}`, 'application/json', 413, 'too_large'],
  ])('%s', async (_, body, type, status, code) => {
    const headers = { 'content-type': type }
    const answer = await rest.call(KEYS, { key: site.value, body, headers })
    expect(answer).toMatchObject({ status, json: errorShape(code) })
  })
})
