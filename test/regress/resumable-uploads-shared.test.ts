import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Session } from '#credentials/gate.ts'
import { parsePath } from '#permissions/path.ts'
import { createResumables, type Resumables } from '#protocols/rest/files/resumables.ts'
import { startWorld, type World, type WorldKey } from '#test/world.ts'

/*
 * Resumable uploads were counted for each key, and for guests for each address: one user with ten keys, or one guest
 * with ten addresses, took every place of the server for a day. And two requests that went on with one upload at the
 * same moment both wrote to it and both published it.
 */

let world: World
let resumables: Resumables
beforeAll(async () => {
  world = await startWorld()
  resumables = createResumables(world.gate, world.clock)
})
afterAll(async () => {
  await resumables[Symbol.asyncDispose]()
  await world[Symbol.asyncDispose]()
})

async function enter({ value }: WorldKey): Promise<Session> {
  const at = { door: 'rest', address: '192.0.2.1', client: '' } as const
  const result = await world.gate.login({ ...at, siteId: null, proof: { kind: 'bearer', value } })
  if (!result.ok) throw new Error('refused')
  return world.gate.open(result.principal, at)
}

function aim(name: string) {
  const path = parsePath(`/${name}`)
  return { path, length: 8, modified: undefined, options: {}, described: '' }
}

async function* bytes(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('abcdefgh')
}

test('the keys of one user share the places that a user has', async () => {
  const key = { role: 'administrator', user: 'ann' } as const
  const first = await enter(await world.issue({ ...key, name: 'first' }))
  const second = await enter(await world.issue({ ...key, name: 'second' }))
  const stranger = await enter(await world.issue({ ...key, user: 'bea', name: 'third' }))
  for (let count = 0; count < 100; count++) await resumables.start(first, aim(`many-${count}`))
  await expect(resumables.start(second, aim('one-more'))).rejects.toMatchObject({ code: 'rate_limited' })
  await expect(resumables.start(stranger, aim('of-another'))).resolves.toMatchObject({ offset: 0 })
})

test('of two requests that go on at the same moment one does', async () => {
  const session = await enter(await world.issue({ role: 'administrator', user: 'cid', name: 'fourth' }))
  const { id } = await resumables.start(session, aim('race'))
  const { signal } = session
  const both = [1, 2].map(() => resumables.append(session, id, { offset: 0, body: bytes(), signal }))
  const results = await Promise.allSettled(both)
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  const [lost] = results.filter((result) => result.status === 'rejected')
  expect(lost?.reason).toMatchObject({ code: 'exists' })
})
