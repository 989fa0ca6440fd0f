import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Browser, type Console, startConsole } from './client.ts'
import { fillIn } from './forms.ts'

let site: Console
let admin: Browser
beforeAll(async () => {
  site = await startConsole()
  admin = await site.person('chief', 'administrator')
}, 120_000)
afterAll(() => site[Symbol.asyncDispose](), 120_000)

async function upload(path: string, body: string): Promise<void> {
  const headers = { origin: site.origin, 'x-csrf-token': admin.csrf }
  expect((await admin.send(`/console/upload${path}`, { method: 'PUT', body, headers })).status).toBe(201)
}

async function remove(path: string): Promise<void> {
  expect((await admin.post('/console/file-remove', { path })).status).toBe(303)
}

/** The id of what the first line of the trash shows. */
async function newest(browser: Browser): Promise<string> {
  const { text } = await browser.get('/console/trash')
  return /\/console\/trash\/([^/"]+)\/restore"/.exec(text)?.[1] ?? ''
}

test('F3: what was deleted is shown with who did it, put back, and deleted for good', async () => {
  await upload('/a%20%26%20b.txt', 'content')
  await remove('/a & b.txt')
  const { text } = await admin.get('/console/trash')
  for (const words of ['/a &amp; b.txt', '7 B', 'chief']) expect(text).toContain(words)
  const id = await newest(admin)
  const back = await fillIn(admin, '/console/trash', `/console/trash/${id}/restore`)
  expect(back.location).toBe('/console/files?done=restored')
  expect(await readFile(join(site.world.root, 'a & b.txt'), 'utf8')).toBe('content')
  await remove('/a & b.txt')
  const again = await newest(admin)
  const purged = await fillIn(admin, '/console/trash', `/console/trash/${again}/purge`)
  expect(purged.location).toBe('/console/trash?done=purged')
  expect((await admin.get('/console/trash')).text).toContain('Nothing here.')
  expect(await readdir(join(site.world.root, '.latchkey/trash'))).toEqual([])
})

test('F3: nothing is put back over a file that took its name', async () => {
  await upload('/taken', 'old')
  await remove('/taken')
  await upload('/taken', 'new')
  const id = await newest(admin)
  const answer = await fillIn(admin, '/console/trash', `/console/trash/${id}/restore`)
  expect(answer.status).toBe(409)
  expect(await readFile(join(site.world.root, 'taken'), 'utf8')).toBe('new')
  expect(await newest(admin)).toBe(id)
})

test('whoever may not see a folder sees nothing of it in the trash, and changes nothing', async () => {
  await upload('/secret', 'x')
  await remove('/secret')
  const id = await newest(admin)
  const member = await site.person('member')
  expect((await member.get('/console/trash')).text).not.toContain('secret')
  expect((await member.post(`/console/trash/${id}/restore`)).status).toBe(404)
  expect((await member.post(`/console/trash/${id}/purge`)).status).toBe(404)
  expect(await newest(admin)).toBe(id)
})
