import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { rightsOf } from '#permissions/grants.ts'
import { ALL_SCOPES, scopesOf } from '#permissions/scopes.ts'
import type { WorldKey } from '#test/world.ts'
import { errorShape, type Rest, startRest } from './client.ts'

const TEST = '/api/test/api-key'
const NO_CONDITIONS = { allow: null, deny: null, doors: null, windows: null, not_before: null }

let rest: Rest
let key: WorldKey
beforeAll(async () => {
  rest = await startRest()
  key = await rest.world.issue()
})
afterAll(() => rest[Symbol.asyncDispose]())

describe('D3: a key is taken from', () => {
  test.each([
    ['Authorization: Bearer', (value: string) => ({ authorization: `Bearer ${value}` })],
    ['Authorization: ApiKey', (value: string) => ({ authorization: `ApiKey ${value}` })],
    ['Authorization in any case', (value: string) => ({ authorization: `bEARER  ${value} ` })],
    ['X-Custom-Auth-Key', (value: string) => ({ 'X-Custom-Auth-Key': value })],
    ['X-FilesAPI-Key', (value: string) => ({ 'X-FilesAPI-Key': value })],
    ['XF-Api-Key', (value: string) => ({ 'XF-Api-Key': value })],
    [
      'two headers that agree',
      (value: string) => ({ 'XF-Api-Key': value, authorization: `ApiKey ${value}` }),
    ],
    ['a header beside Basic', (value: string) => ({ 'XF-Api-Key': value, authorization: 'Basic eDp5' })],
  ])('%s', async (_, headers) => {
    const answer = await rest.call(TEST, { headers: headers(key.value) })
    expect(answer).toMatchObject({ status: 200, json: { id: key.id } })
  })

  test('two headers that differ: 400, whichever of them is right', async () => {
    const headers = { authorization: `Bearer ${key.value}`, 'X-Custom-Auth-Key': 'lk_other' }
    const answer = await rest.call(TEST, { headers })
    expect(answer).toMatchObject({ status: 400, json: errorShape('invalid') })
  })
})

describe('without a key that opens the door', () => {
  test.each([
    ['nothing', {}],
    ['an empty header', { 'XF-Api-Key': ' ' }],
    ['another scheme', { authorization: 'Basic eDp5' }],
    ['nonsense', { authorization: 'Bearer nonsense' }],
  ])('%s: 401 with a challenge', async (_, headers) => {
    const answer = await rest.call(TEST, { headers })
    expect(answer).toMatchObject({ status: 401, json: errorShape('unauthenticated', []) })
    expect(answer.headers.get('www-authenticate')).toContain('Bearer realm="Latchkey"')
  })

  test('R2: wrong, mistyped, unknown, expired, disabled and doorless keys look the same', async () => {
    const { world } = rest
    const expired = await world.issue({ expiresAt: world.clock.now() + 60_000 })
    world.clock.advance(60_000)
    const disabled = await world.issue()
    await world.disable(disabled.id)
    const removed = await world.issue()
    await world.remove(removed.id)
    const doorless = await world.issue({ scopes: ALL_SCOPES & ~scopesOf('rest') })
    const scopeless = await world.issue({ scopes: 0 })
    const mistyped = `${key.value.slice(0, -1)}${key.value.endsWith('0') ? '1' : '0'}`
    const values = [expired, disabled, removed, doorless, scopeless].map(({ value }) => value)
    const looks = await Promise.all(
      [...values, mistyped, 'x'].map(async (value) => {
        const { status, headers, text } = await rest.call(TEST, { key: value })
        const names = [...headers.keys()].filter((name) => name !== 'date')
        return [status, names, text.replace(/[0-9a-f-]{36}/, '')]
      }),
    )
    expect(looks[0]?.[0]).toBe(401)
    for (const look of looks) expect(look).toEqual(looks[0])
  })

  test('U5: another site’s key is refused at this site’s listener', async () => {
    const { world } = rest
    const other = await world.addSite('other')
    const foreign = await world.issue({ site: 'other' })
    const own = await world.start('rest', { siteId: world.site.id })
    const there = await world.start('rest', { siteId: other.id })
    const status = async (port: number, value: string) =>
      (await fetch(`http://127.0.0.1:${port}${TEST}`, { headers: { 'XF-Api-Key': value } })).status
    expect(await status(own.port, foreign.value)).toBe(401)
    expect(await status(there.port, foreign.value)).toBe(200)
    expect(await status(own.port, key.value)).toBe(200)
  })
})

describe('D5: the test address says what the key is and may do', () => {
  test('of a member', async () => {
    const member = await rest.world.issue({
      role: 'member',
      name: 'frame',
      scopes: scopesOf('files.list', 'files.read', 'webdav.read', 'rest'),
      basePath: '/photos',
      grants: [{ path: '/photos', rights: rightsOf('list', 'read') }],
      expiresAt: Date.UTC(2090, 0, 1),
    })
    const { json } = await rest.call(TEST, { key: member.value })
    expect(json).toEqual({
      site: rest.world.site,
      type: 'user',
      id: member.id,
      name: 'frame',
      user: { id: expect.any(String), name: 'member' },
      role: 'member',
      scopes: ['files.list', 'files.read', 'webdav.read', 'rest'],
      base_path: '/photos',
      storages: null,
      conditions: Array.from({ length: 3 }, () => NO_CONDITIONS),
      doors: ['webdav', 'rest'],
      expires_at: '2090-01-01T00:00:00.000Z',
      grants: [{ path: '/photos', rights: ['list', 'read'], recursive: true }],
    })
  })

  test('K1: of a site', async () => {
    const site = await rest.world.issue({ type: 'site', expiresAt: null })
    const { json } = await rest.call(TEST, { key: site.value })
    expect(json).toMatchObject({
      type: 'site',
      user: null,
      role: 'administrator',
      base_path: '/',
      expires_at: null,
    })
    expect(json).toMatchObject({ doors: ['webdav', 'sftp', 'ftp', 's3', 'rest'] })
  })

  test('K11: a door that the key’s conditions close is not among its doors', async () => {
    const narrow = await rest.world.issue({ conditions: { doors: ['rest', 'ftp'] } })
    const { json } = await rest.call(TEST, { key: narrow.value })
    expect(json).toMatchObject({ doors: ['ftp', 'rest'] })
  })
})

describe('D8 and D5: without a key, where the site has a guest key', () => {
  const CONFIG = '/api/public/guest-config'

  test('requests act with its scopes, and its settings are public while it is enabled', async () => {
    await using own = await startRest()
    const { world } = own
    const key = (await world.issue({ type: 'site' })).value
    expect(await own.call(CONFIG)).toMatchObject({ status: 404, json: errorShape('not_found', []) })
    expect((await own.call(TEST)).status).toBe(401)
    const body = { type: 'guest', base_path: '/public', scopes: ['files.list', 'rest'], expires_at: null }
    const made = await own.call('/api/v1/keys', { key, body })
    expect(made).toMatchObject({ status: 201, json: { name: 'guest', value: null, secret_access_key: null } })
    expect((await own.call(CONFIG)).json).toEqual({
      site: world.site,
      type: 'guest',
      name: 'guest',
      enabled: true,
      scopes: ['files.list', 'rest'],
      base_path: '/public',
      doors: ['rest'],
      expires_at: null,
    })
    expect((await own.call(TEST)).json).toMatchObject({
      type: 'guest',
      name: 'guest',
      user: null,
      role: 'member',
      base_path: '/public',
      grants: [{ path: '/public', rights: ['list', 'read', 'write', 'delete', 'share'], recursive: true }],
    })
    // What guests may not do asks for a key instead of refusing for good.
    expect((await own.call('/api/v1/keys')).status).toBe(401)
    await world.disable(Object(made.json).id)
    expect((await own.call(CONFIG)).status).toBe(404)
    expect((await own.call(TEST)).status).toBe(401)
  })

  test('an Idempotency-Key of a guest counts for nothing: the request is judged as without it', async () => {
    await using own = await startRest()
    const key = (await own.world.issue({ type: 'site' })).value
    const body = { type: 'guest', scopes: ['files.list', 'files.write', 'rest'], expires_at: null }
    expect(await own.call('/api/v1/keys', { key, body })).toMatchObject({ status: 201 })
    const headers = { 'idempotency-key': 'same' }
    const request = { body: { path: '/made' } }
    const plain = await own.call('/api/v1/folders', request)
    expect(plain.status).toBe(403)
    expect((await own.call('/api/v1/folders', { ...request, headers })).status).toBe(403)
  })

  test('a refused key does not become a guest', async () => {
    await using own = await startRest()
    const key = (await own.world.issue({ type: 'site' })).value
    await own.call('/api/v1/keys', { key, body: { type: 'guest' } })
    expect((await own.call(TEST, { key: 'lk_wrong' })).status).toBe(401)
    expect(
      (await own.call(TEST, { headers: { authorization: 'Basic bm9ib2R5Om5vIHNlY3JldA==' } })).status,
    ).toBe(401)
  })

  test('U5: the site is that of the listener', async () => {
    await using own = await startRest()
    const other = await own.world.addSite('other')
    const there = await own.world.start('rest', { siteId: other.id })
    const key = (await own.world.issue({ type: 'site' })).value
    await own.call('/api/v1/keys', { key, body: { type: 'guest' } })
    const here = await own.world.start('rest', { siteId: own.world.site.id })
    const status = async (port: number) => (await fetch(`http://127.0.0.1:${port}${CONFIG}`)).status
    expect([await status(here.port), await status(there.port), await status(own.port)]).toEqual([
      200, 404, 404,
    ])
  })
})

describe('R1: sessions', () => {
  test('end with their answers', async () => {
    await Promise.all(Array.from({ length: 5 }, () => rest.call(TEST, { key: key.value })))
    await expect.poll(() => rest.world.core.gate.sessions.list()).toEqual([])
  })

  test('a disabled key is refused at once on the same connection', async () => {
    const passing = await rest.world.issue()
    expect((await rest.call(TEST, { key: passing.value })).status).toBe(200)
    await rest.world.disable(passing.id)
    expect((await rest.call(TEST, { key: passing.value })).status).toBe(401)
  })
})
