import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createGuestKey } from '#identity/guest-key.ts'
import type { RunningDoor } from '#protocols/protocol.ts'
import { startWorld, type World } from '#test/world.ts'
import { connectRaw, download, upload } from './raw-client.ts'
import { filesBelow } from './waiting.ts'

let world: World
let door: RunningDoor

beforeEach(async () => {
  world = await startWorld()
  await mkdir(join(world.root, 'public'))
  await writeFile(join(world.root, 'public/offer'), 'take it')
  await writeFile(join(world.root, 'secret'), 'not for you')
  door = await world.start('ftp')
})

afterEach(() => world[Symbol.asyncDispose]())

function guestKey(scopes: readonly string[]) {
  return createGuestKey(world.identity, { kind: 'command_line' }, world.site.id, {
    basePath: '/public',
    scopes,
  })
}

async function enter(login: string, password = 'someone@example.org') {
  const client = await connectRaw(door.port)
  await client.command(`USER ${login}`)
  const answer = await client.command(`PASS ${password}`)
  await client.command('TYPE I')
  return Object.assign(client, { answer })
}

describe('D8: anonymous logins', () => {
  test('are refused where the site has no guest key, whatever they bring', async () => {
    const refused = ['anonymous', 'guest', 'Anonymous'].map(async (login) => {
      using client = await enter(login)
      expect(client.answer, login).toMatch(/^530 /)
      expect(await client.command('PWD'), login).toMatch(/^530 /)
    })
    await Promise.all(refused)
  })

  test('have the guest key’s scopes and base path, and nothing more', async () => {
    await guestKey(['ftp', 'files.list', 'files.read', 'folders.read'])
    for (const login of ['anonymous', 'guest', 'ANONYMOUS']) {
      using client = await enter(login)
      expect(client.answer, login).toMatch(/^230 /)
      expect((await download(client, 'RETR /public/offer')).toString()).toBe('take it')
      expect((await download(client, 'NLST /')).toString()).toBe('public\r\n')
      expect(await client.command('SIZE /secret')).toMatch(/^550 /)
      for (const command of ['DELE public/offer', 'MKD public/new', 'RNFR public/../secret']) {
        expect(await client.command(command), command).toMatch(/^550 /)
      }
      expect(await upload(client, 'STOR public/mine', Buffer.from('x'))).toMatch(/^550 /)
    }
    expect(await filesBelow(world.root)).not.toContain('mine')
  })

  test('do not open a door that the guest key does not open', async () => {
    await guestKey(['rest', 'files.list'])
    using client = await enter('anonymous')
    expect(client.answer).toMatch(/^530 /)
  })

  test('R1: are cut with the guest key, and refused after it', async () => {
    const { id } = await guestKey(['ftp', 'files.list', 'files.read'])
    using client = await enter('anonymous')
    expect(client.answer).toMatch(/^230 /)
    await world.disable(id)
    await client.closed
    using again = await enter('anonymous')
    expect(again.answer).toMatch(/^530 /)
  })

  test('are the only way to it: a wrong key, or a wrong password of somebody, becomes no guest', async () => {
    const { id } = await guestKey(['ftp', 'files.list', 'files.read'])
    const refused = [`@api-${id}`, 'nobody'].map(async (login) => {
      using client = await enter(login, 'x')
      expect(client.answer, login).toMatch(/^530 /)
    })
    await Promise.all(refused)
  })
})
