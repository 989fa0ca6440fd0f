import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { updateSite } from '#identity/sites.ts'
import { addUser, setPassword } from '#identity/users.ts'
import type { RunningDoor } from '#protocols/protocol.ts'
import type { WorldKey } from '#test/world.ts'
import { errorShape, type Rest, startRest } from './client.ts'

/*
 * U2, U3, U4: parent ← own ← child, and other beside them. Each kind of key of each site is presented at each
 * other site: at its address, and by naming it in the API. Nothing may be let in.
 */

const OPERATOR = { kind: 'command_line' } as const
const SITES = ['parent', 'own', 'child', 'other'] as const
const KINDS = ['site', 'administrator', 'member'] as const
const PASSWORD = 'correct horse battery'
type SiteName = (typeof SITES)[number]

let rest: Rest
const ids = new Map<SiteName, string>()
const doors = new Map<SiteName, RunningDoor>()
const keys = new Map<string, WorldKey>()
let reads: string[]

beforeAll(async () => {
  rest = await startRest()
  const { world } = rest
  for (const name of SITES) {
    const { id } = await world.addSite(name, [`${name}.example`])
    ids.set(name, id)
    doors.set(name, await world.start('rest', { siteId: id }))
    for (const kind of KINDS) {
      const type = kind === 'site' ? 'site' : 'user'
      const role = kind === 'member' ? 'member' : 'administrator'
      keys.set(`${kind} of ${name}`, await world.issue({ site: name, name: kind, type, role }))
    }
    for (const role of ['administrator', 'member'] as const) {
      const user = await addUser(world.identity, OPERATOR, id, { name: `${name} ${role}`, role })
      await setPassword(world.identity, OPERATOR, id, user, PASSWORD)
    }
  }
  await updateSite(world.identity, OPERATOR, idOf('own'), { parentId: idOf('parent') })
  await updateSite(world.identity, OPERATOR, idOf('child'), { parentId: idOf('own') })
  reads = await readRoutes()
}, 60_000)
afterAll(() => rest[Symbol.asyncDispose]())

function idOf(name: SiteName): string {
  return ids.get(name) ?? ''
}

/** Where connections are for this site. */
function portOf(name: SiteName): number {
  return doors.get(name)?.port ?? 0
}

function keyOf(kind: string, name: SiteName): string {
  return keys.get(`${kind} of ${name}`)?.value ?? ''
}

/** Every reading route of the API, as its own description lists them. */
async function readRoutes(): Promise<string[]> {
  const { json } = await rest.call('/api/openapi.json')
  const { paths } = json as { paths: Record<string, object> }
  return Object.entries(paths)
    .filter(([path, methods]) => path.startsWith('/api/v1/') && 'get' in methods)
    .map(([path]) => path.replaceAll(/\{\w+\}/g, 'x'))
}

type Write = readonly [method: string, path: string, body?: object]

const WRITES: readonly Write[] = [
  ['POST', '/api/v1/users', { name: 'intruder', role: 'administrator' }],
  ['PATCH', '/api/v1/users/x', { enabled: false }],
  ['DELETE', '/api/v1/users/x'],
  ['POST', '/api/v1/groups', { name: 'intruders' }],
  ['POST', '/api/v1/grants', { user: 'admin', path: '/', rights: ['full'] }],
  ['POST', '/api/v1/mounts', { path: '/intruder' }],
  ['POST', '/api/v1/keys', { name: 'intruder', type: 'site' }],
  ['PATCH', '/api/v1/settings', { password_login: false }],
]

/** The routes that answer anything but "no such site" when they are asked about another site. */
async function letIn(from: SiteName, header: string, to: SiteName, routes: readonly (string | Write)[]) {
  const open: string[] = []
  for (const route of routes) {
    const [method, path, body] = typeof route === 'string' ? ['GET', route] : route
    // By id and by name, in turn.
    const site = method === 'GET' ? to : idOf(to)
    const { status } = await ask(portOf(from), `${path}?site=${site}`, header, method, body)
    if (status !== 404) open.push(`${method} ${path}: ${status}`)
  }
  return open
}

/** The doors at a site's address that let a key in. */
async function openedDoors(kind: string, from: SiteName, siteId: string): Promise<string[]> {
  const key = keys.get(`${kind} of ${from}`)
  if (key === undefined) throw new Error('there is no such key')
  const password = { kind: 'password', login: key.login, password: key.value } as const
  const { accessKeyId, secretAccessKey } = key
  const matches = (secret: { readonly text: string }) => secret.text === secretAccessKey
  const open: string[] = []
  for (const door of ['webdav', 'sftp', 'ftp', 's3'] as const) {
    const proof = door === 's3' ? ({ kind: 'sigv4', accessKeyId, matches } as const) : password
    // Each from an address of its own: guesses at one door do not slow the next one down.
    const address = `198.51.100.${++addresses % 250}`
    const { ok } = await rest.world.gate.login({ door, proof, address, siteId, client: '' })
    if (ok) open.push(door)
  }
  return open
}
let addresses = 0

type Json = { readonly id?: string; readonly error?: { readonly message: string } }

/** The answer to a request at an address, with a header. */
async function ask(port: number, path: string, authorization: string, method = 'GET', body?: object) {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    headers: { authorization, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  })
  const json = (await answer.json().catch(() => ({}))) as Json
  return { status: answer.status, json }
}

function basic(name: SiteName, role: string): string {
  return `Basic ${Buffer.from(`${name} ${role}:${PASSWORD}`).toString('base64')}`
}

const crossings = SITES.flatMap((from) => SITES.filter((to) => to !== from).map((to) => [from, to] as const))

describe('U2, U3, U4: keys', () => {
  test('there is something to cross to: each key opens its own site', async () => {
    expect(reads.length).toBeGreaterThan(10)
    for (const name of SITES)
      for (const kind of KINDS) {
        const { json } = await ask(rest.port, '/api/test/api-key', `Bearer ${keyOf(kind, name)}`)
        expect(json).toMatchObject({ site: { id: idOf(name) } })
      }
  })

  test.each(crossings)(
    'of %s are refused at the address of %s exactly as a wrong key is',
    async (from, to) => {
      // What was refused before slows nobody down (R2).
      rest.world.clock.advance(3_600_000)
      const port = portOf(to)
      const wrong = await ask(port, '/api/test/api-key', 'Bearer wrong')
      const refusal = errorShape('unauthenticated', [])
      expect(wrong).toMatchObject({ status: 401, json: refusal })
      for (const kind of KINDS) {
        const answer = await ask(port, '/api/test/api-key', `Bearer ${keyOf(kind, from)}`)
        expect(answer, kind).toMatchObject({ status: 401, json: refusal })
        expect(answer.json.error?.message).toBe(wrong.json.error?.message)
      }
    },
  )

  test.each(crossings)('of %s that name %s find nothing, on any route', async (from, to) => {
    for (const kind of KINDS) {
      const header = `Bearer ${keyOf(kind, from)}`
      expect(await letIn(from, header, to, [...reads, ...WRITES]), kind).toEqual([])
      expect((await ask(rest.port, `/api/v1/sites/${idOf(to)}`, header)).status).toBe(404)
    }
  })

  test.each(crossings)('of %s open no other door at the address of %s', async (from, to) => {
    for (const kind of KINDS) {
      expect(await openedDoors(kind, from, idOf(to)), kind).toEqual([])
      expect(await openedDoors(kind, from, idOf(from)), kind).toEqual(
        kind === 'site' ? ['webdav', 'sftp', 'ftp'] : ['webdav', 'sftp', 'ftp', 's3'],
      )
    }
  })
})

describe('U4: people', () => {
  const down: readonly (readonly [SiteName, SiteName])[] = [
    ['parent', 'own'],
    ['parent', 'child'],
    ['own', 'child'],
  ]

  test.each(down)('an administrator of %s administers %s with the own login', async (from, to) => {
    const header = basic(from, 'administrator')
    for (const site of [idOf(to), to]) {
      const users = await ask(portOf(from), `/api/v1/users?site=${site}`, header)
      expect(users).toMatchObject({ status: 200 })
      expect(JSON.stringify(users.json)).toContain(`${to} member`)
    }
    const body = { name: `made from ${from}` }
    expect((await ask(portOf(from), `/api/v1/users?site=${to}`, header, 'POST', body)).status).toBe(201)
    const settings = { users_may_create_keys: true }
    expect(await ask(portOf(from), `/api/v1/settings?site=${to}`, header, 'PATCH', settings)).toMatchObject({
      status: 200,
      json: settings,
    })
    expect((await ask(portOf(from), `/api/v1/keys?site=${to}`, header)).status).toBe(200)
  })

  test.each(crossings)('nobody else of %s gets at %s', async (from, to) => {
    const isDown = down.some(([above, below]) => above === from && below === to)
    const routes = [
      '/api/v1/users',
      '/api/v1/keys',
      '/api/v1/settings',
      '/api/v1/audit',
      ...WRITES.slice(0, 3),
    ]
    for (const role of isDown ? ['member'] : ['administrator', 'member'])
      expect(await letIn(from, basic(from, role), to, routes), role).toEqual([])
  })

  test('the files of a child stay closed to the parent’s people: their session is the parent’s', async () => {
    rest.world.clock.advance(3_600_000)
    expect((await ask(portOf('child'), '/api/test/api-key', basic('parent', 'administrator'))).status).toBe(
      401,
    )
  })

  test('a child made over the API is the parent’s to run and to delete', async () => {
    const header = basic('own', 'administrator')
    const made = await ask(portOf('own'), '/api/v1/sites', header, 'POST', { name: 'new child' })
    expect(made).toMatchObject({ status: 201, json: { parent_id: idOf('own') } })
    const path = `/api/v1/sites/${made.json.id}`
    expect((await ask(portOf('child'), path, basic('child', 'administrator'))).status).toBe(404)
    expect((await ask(portOf('own'), path, header, 'PATCH', { enabled: false })).json).toMatchObject({
      enabled: false,
    })
    expect((await ask(portOf('own'), path, header, 'DELETE')).status).toBe(400)
    expect((await ask(portOf('own'), `${path}?confirm=new%20child`, header, 'DELETE')).status).toBe(204)
  })
})
