import { generateKeyPairSync } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { WorldKey } from '#test/world.ts'
import { errorShape, type Rest, startRest } from './client.ts'

let rest: Rest
let site: WorldKey
let member: WorldKey
beforeAll(async () => {
  rest = await startRest()
  site = await rest.world.issue({ type: 'site', name: 'site key' })
  member = await rest.world.issue({ user: 'mia', role: 'member' })
})
afterAll(() => rest[Symbol.asyncDispose]())

/** A new key's line with this comment. */
function line(comment: string): string {
  const point = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'der' }).subarray(-32)
  const head = Buffer.from('0000000b7373682d6564323535313900000020', 'hex')
  return `ssh-ed25519 ${Buffer.concat([head, point]).toString('base64')} ${comment}`
}

async function send(status: number, method: string, path: string, body?: unknown, key = site.value) {
  const answer = await rest.call(`/api/v1${path}`, { method, key, body })
  expect(answer.status, answer.text).toBe(status)
  return answer.json as Record<string, unknown>
}

async function idOf(name: string): Promise<string> {
  return (await rest.world.identity.store.userByName(rest.world.site.id, name))?.id ?? ''
}

describe('D7: SSH keys over HTTP', () => {
  test('are added, listed and removed', async () => {
    const path = `/users/${await idOf('mia')}/ssh-keys`
    const given = line('mia@laptop')
    const added = await send(201, 'POST', path, { public_key: given })
    expect(added).toMatchObject({
      name: 'mia@laptop',
      type: 'ssh-ed25519',
      public_key: given,
      fingerprint: expect.stringMatching(/^SHA256:/),
      last_used_at: null,
    })
    expect(await send(200, 'GET', path)).toEqual({ ssh_keys: [added] })
    expect(await send(409, 'POST', path, { public_key: given, name: 'again' })).toEqual(errorShape('exists'))
    await send(204, 'DELETE', `${path}/${added.id}`)
    expect(await send(200, 'GET', path)).toEqual({ ssh_keys: [] })
    expect(await send(404, 'DELETE', `${path}/${added.id}`)).toEqual(errorShape('not_found'))
  })

  test('what is no key is refused; so is a user who is not there, and a member', async () => {
    const path = `/users/${await idOf('mia')}/ssh-keys`
    for (const body of [{ public_key: 'x' }, {}, { public_key: line('a'), colour: 'red' }]) {
      expect(await send(400, 'POST', path, body)).toEqual(errorShape('invalid'))
    }
    const nobody = await send(404, 'POST', '/users/nobody/ssh-keys', { public_key: line('a') })
    expect(nobody).toEqual(errorShape('not_found'))
    const stranger = await send(403, 'GET', path, undefined, member.value)
    expect(stranger).toEqual(errorShape('forbidden'))
  })
})
