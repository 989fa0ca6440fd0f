import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { rightsOf } from '#permissions/grants.ts'
import { ALL_SCOPES, scopesOf } from '#permissions/scopes.ts'
import type { WorldKey } from '#test/world.ts'
import { type Answer, errorShape, type Rest, startRest } from './client.ts'

const TRASH = '/api/v1/trash'
const GRANTS = [{ path: '/team', rights: rightsOf('list', 'read', 'write', 'delete') }]

let rest: Rest
let admin: WorldKey
let member: WorldKey
beforeAll(async () => {
  rest = await startRest()
  admin = await rest.world.issue({ name: 'of admin' })
  const scopes = ALL_SCOPES & ~scopesOf('files.purge')
  member = await rest.world.issue({ role: 'member', name: 'of member', user: 'mia', grants: GRANTS, scopes })
  await mkdir(join(rest.world.root, 'team'))
})
afterAll(() => rest[Symbol.asyncDispose]())

/** Deletes over WebDAV, as an ordinary client does. */
async function deleted(path: string, content: string): Promise<void> {
  await writeFile(join(rest.world.root, path), content)
  webdav ??= (await rest.world.start('webdav')).port
  const authorization = `Basic ${Buffer.from(`${member.login}:${member.value}`).toString('base64')}`
  const response = await fetch(`http://127.0.0.1:${webdav}${path}`, {
    method: 'DELETE',
    headers: { authorization },
  })
  expect(response.status).toBe(204)
}
let webdav: number | undefined

type Listed = { entries: { id: string; path: string }[]; next_cursor: string | null }
const entriesOf = ({ json }: Answer) => (json as Listed).entries

async function idOf(path: string): Promise<string> {
  const entry = entriesOf(await rest.call(TRASH, { key: admin.value })).find((one) => one.path === path)
  return entry?.id ?? 'none'
}

describe('F3: the trash', () => {
  test('what WebDAV deleted is listed with who did it, and comes back', async () => {
    await deleted('/team/a.txt', 'hello')
    const listed = await rest.call(`${TRASH}?folder=/team&limit=5`, { key: member.value })
    expect(listed).toMatchObject({ status: 200, json: { next_cursor: null } })
    expect(entriesOf(listed)).toEqual([
      {
        id: expect.stringMatching(/^\d{13}-[0-9a-f]{16}$/),
        path: '/team/a.txt',
        kind: 'file',
        size: 5,
        deleted_at: expect.stringMatching(/Z$/),
        user: { id: expect.any(String), name: 'mia' },
        key: { id: member.id, name: 'of member' },
      },
    ])
    const path = `${TRASH}/${await idOf('/team/a.txt')}/restore`
    expect(await rest.call(path, { key: member.value, method: 'POST' })).toMatchObject({
      status: 200,
      json: { path: '/team/a.txt', kind: 'file', size: 5 },
    })
    expect(await readFile(join(rest.world.root, 'team/a.txt'), 'utf8')).toBe('hello')
  })

  test('restore goes elsewhere, makes folders, and overwrites only when asked', async () => {
    await deleted('/team/b.txt', 'b')
    await writeFile(join(rest.world.root, 'team/b.txt'), 'newer')
    const path = `${TRASH}/${await idOf('/team/b.txt')}/restore`
    expect(await rest.call(path, { key: member.value, method: 'POST' })).toMatchObject({
      status: 409,
      json: errorShape('exists'),
    })
    const body = { to: '/team/new/folder/b.txt', overwrite: true }
    expect((await rest.call(path, { key: member.value, body })).json).toMatchObject({ path: body.to })
  })

  test('purge and empty need files.purge; a live file is purged past the trash', async () => {
    await deleted('/team/c.txt', 'c')
    await writeFile(join(rest.world.root, 'team/live'), 'x')
    const one = `${TRASH}/${await idOf('/team/c.txt')}`
    const purge = { path: '/team/live' }
    const refused = [
      await rest.call(one, { key: member.value, method: 'DELETE' }),
      await rest.call(TRASH, { key: member.value, method: 'DELETE' }),
      await rest.call('/api/v1/files/purge', { key: member.value, body: purge }),
    ]
    for (const answer of refused) expect(answer).toMatchObject({ status: 403, json: errorShape('forbidden') })
    expect((await rest.call(one, { key: admin.value, method: 'DELETE' })).status).toBe(204)
    expect((await rest.call('/api/v1/files/purge', { key: admin.value, body: purge })).status).toBe(204)
    await deleted('/team/d.txt', 'd')
    const emptied = await rest.call(`${TRASH}?folder=/team`, { key: admin.value, method: 'DELETE' })
    expect(emptied).toMatchObject({ status: 200, json: { purged: 1 } })
    expect(entriesOf(await rest.call(TRASH, { key: admin.value }))).toEqual([])
  })

  test('U2: what was deleted on one site is not there on another', async () => {
    await deleted('/team/e.txt', 'e')
    await rest.world.addSite('elsewhere')
    const other = await rest.world.issue({ site: 'elsewhere', type: 'site', name: 'other' })
    const id = await idOf('/team/e.txt')
    expect(entriesOf(await rest.call(TRASH, { key: other.value }))).toEqual([])
    const answer = await rest.call(`${TRASH}/${id}/restore`, { key: other.value, method: 'POST' })
    expect(answer).toMatchObject({ status: 404, json: errorShape('not_found') })
    expect((await rest.call(TRASH)).status).toBe(401)
  })

  test('the server’s cleaner removes it when its days are over', async () => {
    await deleted('/team/f.txt', 'f')
    rest.world.clock.advance(7 * 86_400_000 + 1)
    await rest.world.core.files.cleanTrash()
    const late = await rest.world.issue({ name: 'late' })
    expect(entriesOf(await rest.call(TRASH, { key: late.value }))).toEqual([])
  })
})
