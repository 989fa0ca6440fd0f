import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Answer, errorShape, type Rest, startRest } from './client.ts'
import { databaseText } from './database.ts'

let rest: Rest
let site: string
beforeAll(async () => {
  rest = await startRest()
  site = (await rest.world.issue({ type: 'site', name: 'site key' })).value
})
afterAll(() => rest[Symbol.asyncDispose]())

const send = (method: string, path: string, body?: object, headers: Record<string, string> = {}) =>
  rest.call(`/api/v1/${path}`, { method, key: site, headers, ...(body && { body }) })
const etagOf = (answer: Answer) => answer.headers.get('etag') ?? ''
const idOf = ({ json }: Answer) => (json as { id: string }).id

/** Each kind of record: how one is made, and how it is changed. */
const RECORDS: readonly [string, string, () => Promise<Answer>, object][] = [
  ['user', 'users', () => send('POST', 'users', { name: `u${++made}` }), { email: 'a@example.org' }],
  ['group', 'groups', () => send('POST', 'groups', { name: `g${++made}` }), { name: 'other' }],
  ['mount', 'mounts', () => send('POST', 'mounts', { path: `/m${++made}` }), { read_only: true }],
  ['key', 'keys', () => send('POST', 'keys', { name: `k${++made}`, type: 'site' }), { description: 'x' }],
]
let made = 0

describe.each(RECORDS)('ETag and If-Match of a %s', (_, list, make, change) => {
  test('of two administrators who read the same, the second is told', async () => {
    const path = `${list}/${idOf(await make())}`
    const read = await send('GET', path)
    expect(etagOf(read)).toMatch(/^"\d+"$/)
    const first = await send('PATCH', path, change, { 'if-match': etagOf(read) })
    expect(first.status, first.text).toBe(200)
    expect(etagOf(first)).not.toBe(etagOf(read))
    expect(etagOf(await send('GET', path))).toBe(etagOf(first))
    const second = await send('PATCH', path, change, { 'if-match': etagOf(read) })
    expect(second).toMatchObject({ status: 412, json: errorShape('precondition') })
    expect((await send('DELETE', path, undefined, { 'if-match': etagOf(read) })).status).toBe(412)
    expect((await send('GET', path)).status).toBe(200)
    expect((await send('DELETE', path, undefined, { 'if-match': etagOf(first) })).status).toBe(204)
    expect((await send('DELETE', path, undefined, { 'if-match': etagOf(first) })).status).toBe(404)
  })
})

describe('ETag and If-Match', () => {
  test('of the settings are those of their site', async () => {
    const read = await send('GET', 'settings')
    const id = idOf((await send('GET', `sites/${rest.world.site.id}`)) as Answer)
    expect(etagOf(await send('GET', `sites/${id}`))).toBe(etagOf(read))
    const change = { users_may_create_keys: true }
    expect((await send('PATCH', 'settings', change, { 'if-match': etagOf(read) })).status).toBe(200)
    expect((await send('PATCH', 'settings', change, { 'if-match': etagOf(read) })).status).toBe(412)
    expect((await send('PATCH', 'settings', change, { 'if-match': '*' })).status).toBe(200)
    expect((await send('PATCH', 'settings', change)).status).toBe(200)
  })

  test('a change of the command line counts too, and twenty at once change it once', async () => {
    const path = `users/${idOf(await send('POST', 'users', { name: 'crowded' }))}`
    const etag = etagOf(await send('GET', path))
    const all = await Promise.all(
      Array.from({ length: 20 }, (_, at) =>
        send('PATCH', path, { email: `${at}@x.org` }, { 'if-match': etag }),
      ),
    )
    const statuses = all.map(({ status }) => status).sort()
    expect(statuses).toEqual([200, ...Array.from({ length: 19 }, () => 412)])
  })
})

describe('Idempotency-Key', () => {
  test('the same request gets the same answer, its value too, and is done once', async () => {
    const body = { name: 'once', type: 'site' }
    const headers = { 'idempotency-key': 'a-1' }
    const first = await send('POST', 'keys', body, headers)
    const again = await send('POST', 'keys', body, headers)
    expect(first.status).toBe(201)
    expect(again).toMatchObject({ status: 201, json: first.json })
    expect(again.headers.get('idempotency-replayed')).toBe('true')
    expect(again.headers.get('location')).toBe(first.headers.get('location'))
    expect((await send('POST', 'keys', { ...body, name: 'twice' }, headers)).status).toBe(400)
    expect((await send('POST', 'keys', body)).status).toBe(409)
  })

  test('K4: the value is not stored in the clear, is given for ten minutes, and then only its place', async () => {
    const body = { name: 'sealed', type: 'site' }
    const headers = { 'idempotency-key': 'a-2' }
    const first = await send('POST', 'keys', body, headers)
    const { value } = first.json as { value: string }
    expect((await databaseText(rest.world)).includes(value)).toBe(false)
    rest.world.clock.advance(10 * 60_000)
    const late = await send('POST', 'keys', body, headers)
    expect(late).toMatchObject({ status: 409, json: errorShape('exists') })
    expect(late.headers.get('location')).toBe(first.headers.get('location'))
    expect(late.text).not.toContain(value)
  })

  test('another caller with the same key is another request; what was refused may be tried again', async () => {
    const other = (await rest.world.issue({ type: 'site', name: 'other site key' })).value
    const body = { name: 'mine' }
    const headers = { 'idempotency-key': 'a-3' }
    expect((await send('POST', 'groups', body, headers)).status).toBe(201)
    const second = await rest.call('/api/v1/groups', { key: other, body, headers })
    expect(second.status).toBe(409)
    expect(second.headers.get('idempotency-replayed')).toBeNull()
    const retry = { 'idempotency-key': 'a-4' }
    expect((await send('POST', 'groups', body, retry)).status).toBe(409)
    const { json } = await send('GET', 'groups')
    const { groups } = json as { groups: { id: string; name: string }[] }
    await send('DELETE', `groups/${groups.find(({ name }) => name === 'mine')?.id}`)
    expect((await send('POST', 'groups', body, retry)).status).toBe(201)
  })

  test('of ten at once one is done, and the others get its answer or are told to wait', async () => {
    const headers = { 'idempotency-key': 'a-5' }
    const all = await Promise.all(
      Array.from({ length: 10 }, () =>
        send('POST', 'grants', { user: 'crowded', path: '/x', rights: ['full'] }, headers),
      ),
    )
    const ids = new Set(all.filter(({ status }) => status === 201).map(idOf))
    expect(ids.size).toBe(1)
    for (const { status } of all) expect([201, 409]).toContain(status)
  })
})
