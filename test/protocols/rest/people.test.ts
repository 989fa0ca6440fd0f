import { stat } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { rightsOf } from '#permissions/grants.ts'
import type { WorldKey } from '#test/world.ts'
import { errorShape, type Rest, startRest } from './client.ts'

let rest: Rest
let site: WorldKey
beforeAll(async () => {
  rest = await startRest()
  site = await rest.world.issue({ type: 'site', name: 'site key' })
  // The site has an administrator, so that others may go.
  await rest.world.issue({ role: 'administrator' })
})
afterAll(() => rest[Symbol.asyncDispose]())

type Body = Record<string, unknown> & { id: string }

/** The JSON of an answer that has to have this status. */
async function send(status: number, method: string, path: string, body?: unknown): Promise<Body> {
  const answer = await rest.call(`/api/v1${path}`, { method, key: site.value, body })
  expect(answer.status, answer.text).toBe(status)
  return answer.json as Body
}
const get = (path: string) => send(200, 'GET', path)
const post = (path: string, body: unknown) => send(201, 'POST', path, body)
const patch = (path: string, body: unknown) => send(200, 'PATCH', path, body)
const remove = (path: string) => send(204, 'DELETE', path)

/** A session of the key, as SFTP holds one. */
async function connect({ value, login }: WorldKey) {
  const { gate } = rest.world
  const at = { door: 'sftp', address: '192.0.2.7', client: 'test' } as const
  const proof = { kind: 'password', login, password: value } as const
  const result = await gate.login({ ...at, proof, siteId: null })
  return result.ok ? gate.open(result.principal, at) : null
}

describe('users', () => {
  test('are made, read, changed, listed in pages by name, and deleted', async () => {
    const conditions = { doors: ['sftp'], not_before: '2020-01-01T00:00:00.000Z' }
    const given = { email: 'eve@example.org', home_folder: '/eve', expires_at: '2090-01-01T00:00:00.000Z' }
    const eve = await post('/users', { name: 'eve', ...given, conditions })
    expect(eve).toMatchObject({ role: 'member', enabled: true, has_password: false, ...given })
    expect(eve.conditions).toEqual({ allow: null, deny: null, windows: null, ...conditions })
    const changes = { name: 'eva', role: 'administrator', email: null, conditions: { doors: null } }
    const changed = await patch(`/users/${eve.id}`, changes)
    expect(changed).toMatchObject({ ...given, name: 'eva', email: null, role: 'administrator' })
    expect(changed.conditions).toMatchObject({ doors: null, not_before: conditions.not_before })
    expect(await get(`/users/${eve.id}`)).toEqual(changed)
    for (const name of ['a1', 'a2']) await post('/users', { name })
    const first = await get('/users?limit=2')
    expect(first).toMatchObject({ users: [{ name: 'a1' }, { name: 'a2' }] })
    const second = await get(`/users?limit=2&cursor=${first.next_cursor}`)
    expect(second).toMatchObject({ users: [{ name: 'admin' }, { name: 'eva' }], next_cursor: null })
    await remove(`/users/${eve.id}`)
    expect(await send(404, 'GET', `/users/${eve.id}`)).toEqual(errorShape('not_found'))
  })

  test.each([
    ['an unknown field', { name: 'x', colour: 'red' }],
    ['no name', {}],
    ['a role that is none', { name: 'x', role: 'king' }],
    ['a time that is none', { name: 'x', expires_at: 'tomorrow' }],
    ['a home folder that climbs', { name: 'x', home_folder: '/../etc' }],
  ])('%s is refused', async (_, body) => {
    expect(await send(400, 'POST', '/users', body)).toEqual(errorShape('invalid'))
  })

  test('a cursor that is not ours is refused', async () => {
    for (const cursor of ['x', Buffer.from('[1]').toString('base64url')])
      expect(await send(400, 'GET', `/users?cursor=${cursor}`)).toEqual(errorShape('invalid'))
  })

  test('U6: disabling and deleting cut sessions and stop keys at once', async () => {
    const grants = [{ path: '/', rights: rightsOf('list', 'read') }]
    const key = await rest.world.issue({ user: 'cut', role: 'member', grants })
    const { users } = (await get('/users')) as unknown as { users: { id: string; name: string }[] }
    const id = users.find(({ name }) => name === 'cut')?.id
    const first = await connect(key)
    expect(first?.signal.aborted).toBe(false)
    await patch(`/users/${id}`, { enabled: false })
    expect(first?.signal.aborted).toBe(true)
    expect(await connect(key)).toBeNull()
    await patch(`/users/${id}`, { enabled: true })
    const second = await connect(key)
    expect(second?.signal.aborted).toBe(false)
    await remove(`/users/${id}`)
    expect(second?.signal.aborted).toBe(true)
    expect(await connect(key)).toBeNull()
  })

  test('D7: a password or a one-time link lets a user in under the own name, until the site says no', async () => {
    const user = await post('/users', { name: 'paul', role: 'administrator' })
    const login = (password: string) =>
      rest.call('/api/v1/settings', {
        headers: { authorization: `Basic ${Buffer.from(`paul:${password}`).toString('base64')}` },
      })
    expect(await send(400, 'PUT', `/users/${user.id}/password`, { password: 'short' })).toEqual(
      errorShape('invalid'),
    )
    await send(204, 'PUT', `/users/${user.id}/password`, { password: 'correct horse battery' })
    expect((await login('correct horse battery')).status).toBe(200)
    expect((await login('wrong horse battery')).status).toBe(401)
    expect(await post(`/users/${user.id}/link`, undefined)).toMatchObject({
      path: expect.stringMatching(/^\/start\/\w{43}$/),
    })
    await patch('/settings', { password_login: false })
    expect((await login('correct horse battery')).status).toBe(401)
    await patch('/settings', { password_login: true })
    expect((await login('correct horse battery')).status).toBe(200)
    await remove(`/users/${user.id}`)
  })
})

describe('groups and grants', () => {
  test('U1: a member gets and loses what the group has; sessions that rest on it are cut', async () => {
    const key = await rest.world.issue({ user: 'gil', role: 'member' })
    const { users } = (await get('/users')) as unknown as { users: { id: string; name: string }[] }
    const id = users.find(({ name }) => name === 'gil')?.id ?? ''
    const group = await post('/groups', { name: 'staff' })
    const grant = await post('/grants', { group: 'staff', path: '/team', rights: ['full'], recursive: false })
    expect(grant).toMatchObject({ user: null, group: { name: 'staff' }, path: '/team', recursive: false })
    await send(204, 'PUT', `/groups/${group.id}/members/${id}`)
    expect(await get(`/groups/${group.id}/members`)).toEqual({
      members: [{ id, name: 'gil' }],
      next_cursor: null,
    })
    const session = await connect(key)
    expect(session?.principal.grants.map(({ path }) => path)).toEqual(['/team'])
    await send(204, 'DELETE', `/groups/${group.id}/members/${id}`)
    expect(session?.signal.aborted).toBe(true)
    await send(204, 'PUT', `/groups/${group.id}/members/${id}`)
    const again = await connect(key)
    expect(await patch(`/groups/${group.id}`, { name: 'crew' })).toMatchObject({ name: 'crew' })
    expect(again?.signal.aborted).toBe(false)
    await remove(`/grants/${grant.id}`)
    expect(again?.signal.aborted).toBe(true)
    expect(await send(409, 'PUT', `/groups/${group.id}/members/${id}`)).toEqual(errorShape('exists'))
    await remove(`/groups/${group.id}`)
    expect(await get('/groups')).toEqual({ groups: [], next_cursor: null })
  })

  test('grants are listed by holder in pages', async () => {
    const user = await post('/users', { name: 'gus' })
    for (const path of ['/c', '/a', '/b'])
      await post('/grants', { user_id: user.id, path, rights: ['list', 'read'] })
    const first = await get(`/grants?user_id=${user.id}&limit=2`)
    expect(first).toMatchObject({ grants: [{ path: '/a', rights: ['list', 'read'] }, { path: '/b' }] })
    const second = await get(`/grants?user_id=${user.id}&limit=2&cursor=${first.next_cursor}`)
    expect(second).toMatchObject({
      grants: [{ path: '/c', user: { name: 'gus' }, group: null }],
      next_cursor: null,
    })
    const both = { user: 'gus', group: 'x', path: '/', rights: ['full'] }
    expect(await send(400, 'POST', '/grants', both)).toEqual(errorShape('invalid'))
  })
})

describe('site, settings and mounts', () => {
  test('K6 and K7: settings change as named, and hold for the next key', async () => {
    expect(await get('/settings')).toEqual({
      default_key_lifetime: '30d',
      max_key_lifetime: 'never',
      allow_never_expire: true,
      new_keys_start_disabled: false,
      users_may_create_keys: false,
      allow_chosen_values: false,
      password_login: true,
      ssh_key_login: true,
      expired_key_retention: '90d',
    })
    const changes = { default_key_lifetime: '1d', max_key_lifetime: '7d', new_keys_start_disabled: true }
    expect(await patch('/settings', changes)).toMatchObject(changes)
    await post('/users', { name: 'sam' })
    const key = await post('/keys', { name: 'short', user: 'sam' })
    expect(key).toMatchObject({ enabled: false })
    const lives = Date.parse(String(key.expires_at)) - Date.parse(String(key.created_at))
    expect(lives).toBe(86_400_000)
    for (const body of [{ default_key_lifetime: '8d' }, { default_key_lifetime: 'soon' }, { colour: 'red' }])
      expect(await send(400, 'PATCH', '/settings', body)).toEqual(errorShape('invalid'))
    const factory = { default_key_lifetime: '30d', max_key_lifetime: 'never', new_keys_start_disabled: false }
    await patch('/settings', factory)
  })

  test('K11: the site’s conditions bind every key and cut sessions that do not meet them', async () => {
    const key = await rest.world.issue({ name: 'conditioned' })
    const { id } = rest.world.site
    const session = await connect(key)
    await patch(`/sites/${id}`, { conditions: { doors: ['rest', 'ftp'] } })
    expect(session?.signal.aborted).toBe(true)
    expect(await connect(key)).toBeNull()
    await patch(`/sites/${id}`, { conditions: { doors: null, deny: ['192.0.2.0/24'] } })
    expect(await connect(key)).toBeNull()
    expect(await patch(`/sites/${id}`, { conditions: { deny: null } })).toMatchObject({
      conditions: { deny: null },
    })
    expect(await connect(key)).not.toBeNull()
  })

  test('a site key changes neither name nor state nor hosts of its site, and makes and deletes none', async () => {
    const { id } = rest.world.site
    for (const body of [{ name: 'x' }, { enabled: false }, { hosts: ['x.example'] }, { parent_id: null }])
      expect(await send(403, 'PATCH', `/sites/${id}`, body)).toEqual(errorShape('forbidden'))
    expect(await send(403, 'POST', '/sites', { name: 'x' })).toEqual(errorShape('forbidden'))
    expect(await send(403, 'DELETE', `/sites/${id}?confirm=main`)).toEqual(errorShape('forbidden'))
    expect(await get('/sites')).toMatchObject({
      sites: [{ id, name: 'main', enabled: true, parent_id: null }],
    })
  })

  test('mounts are added in folders of the server’s, made read-only and removed', async () => {
    const mount = await post('/mounts', { path: '/archive' })
    expect(mount).toMatchObject({ path: '/archive', type: 'local', read_only: false })
    const record = (await rest.world.identity.store.mounts(rest.world.site.id)).find(
      ({ id }) => id === mount.id,
    )
    expect((await stat(record?.settings.root ?? '')).isDirectory()).toBe(true)
    expect(await send(400, 'POST', '/mounts', { path: '/etc', folder: '/etc' })).toEqual(
      errorShape('invalid'),
    )
    const { files } = (await connect(await rest.world.issue({ name: 'mounts' }))) ?? {}
    const { parsePath } = await import('#permissions/path.ts')
    await files?.mkdir(parsePath('/archive/a'))
    expect(await patch(`/mounts/${mount.id}`, { read_only: true })).toMatchObject({ read_only: true })
    await expect(files?.mkdir(parsePath('/archive/b'))).rejects.toMatchObject({ code: 'forbidden' })
    await remove(`/mounts/${mount.id}`)
    await expect(files?.stat(parsePath('/archive/a'))).rejects.toMatchObject({ code: 'not_found' })
    expect((await stat(`${record?.settings.root}/a`)).isDirectory()).toBe(true)
    expect(await get('/mounts')).toMatchObject({ mounts: [{ path: '/' }] })
  })
})
