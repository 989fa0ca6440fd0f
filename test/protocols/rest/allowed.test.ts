import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { rightsOf } from '#permissions/grants.ts'
import { PRESETS } from '#permissions/scopes.ts'
import type { WorldKey } from '#test/world.ts'
import { errorShape, type Rest, startRest } from './client.ts'

const GRANTS = [{ path: '/team', rights: rightsOf('list', 'read', 'write', 'delete') }]

let rest: Rest
let admin: WorldKey
let member: WorldKey
beforeAll(async () => {
  rest = await startRest()
  admin = await rest.world.issue({ name: 'of admin' })
  const scopes = PRESETS.get('read_only') ?? 0
  member = await rest.world.issue({ role: 'member', name: 'of mia', user: 'mia', grants: GRANTS, scopes })
})
afterAll(() => rest[Symbol.asyncDispose]())

const ask = (question: object, by = admin) =>
  rest.call('/api/v1/allowed', {
    key: by.value,
    body: {
      key: member.id,
      door: 'sftp',
      address: '192.0.2.7',
      action: 'read',
      path: '/team/a',
      ...question,
    },
  })

describe('D6: would this be allowed?', () => {
  test.each([
    [{}, null],
    [{ action: 'write' }, 'scope'],
    [{ path: '/elsewhere' }, 'grant'],
    [{ action: 'folder_create', path: '/new' }, 'role'],
    [{ action: 'administer', path: '/' }, 'role'],
  ])('%o: %s', async (question, reason) => {
    const answer = await ask(question)
    expect(answer.json).toEqual({ key: { id: member.id, name: 'of mia' }, allow: reason === null, reason })
  })

  test('by id, name and login; about the own key everybody may ask, about others administrators only', async () => {
    for (const key of [member.id, 'of mia', member.login]) {
      expect((await ask({ key })).json).toMatchObject({ allow: true })
      expect((await ask({ key }, member)).json).toMatchObject({ allow: true })
    }
    expect(await ask({ key: admin.id }, member)).toMatchObject({ status: 403, json: errorShape('forbidden') })
    expect(await ask({ key: 'none' })).toMatchObject({ status: 404, json: errorShape('not_found') })
    await rest.world.addSite('elsewhere')
    const other = await rest.world.issue({ site: 'elsewhere', type: 'site', name: 'other' })
    expect(await ask({}, other)).toMatchObject({ status: 404 })
  })

  test('what makes no sense is refused', async () => {
    const nonsense = [{ door: 'gopher' }, { action: 'fly' }, { address: 'nowhere' }, { path: '/a//b' }]
    for (const question of nonsense) expect((await ask(question)).status).toBe(400)
  })

  test('K6, K7: a disabled and an expired key answer no with their reason', async () => {
    const expiresAt = rest.world.clock.now() + 1000
    const short = await rest.world.issue({ name: 'short', expiresAt })
    const off = await rest.world.issue({ name: 'off' })
    await rest.world.disable(off.id)
    expect((await ask({ key: off.id })).json).toMatchObject({ allow: false, reason: 'key_disabled' })
    expect((await ask({ key: short.id })).json).toMatchObject({ allow: true })
    rest.world.clock.advance(1000)
    expect((await ask({ key: short.id })).json).toMatchObject({ allow: false, reason: 'key_expired' })
  })
})
