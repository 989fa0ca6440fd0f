import { once } from 'node:events'
import { open } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { disableUser } from '#identity/users.ts'
import { type Browser, type Console, OPERATOR, startConsole } from '#test/protocols/console/client.ts'

/*
 * The console gave up a request's session at the handler's first wait, because `using` does not wait for a promise
 * that is returned. Downloads and uploads then ran on, whatever was revoked (REQUIREMENTS.md, R1).
 */

let site: Console
beforeAll(async () => {
  site = await startConsole()
}, 120_000)
afterAll(() => site[Symbol.asyncDispose](), 120_000)

/** A request of which the client reads nothing before the socket is resumed. */
async function begin(head: string, browser: Browser, more = '') {
  const socket = connect(site.port, '127.0.0.1')
  await once(socket, 'connect')
  socket.on('error', () => {})
  socket.pause()
  const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  socket.write(`${head}\r\nHost: 127.0.0.1:${site.port}\r\nCookie: ${cookie}\r\n${more}\r\n`)
  return socket
}

async function live(): Promise<number> {
  for (let look = 0; look < 100 && site.world.core.gate.sessions.list().length === 0; look++) {
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return site.world.core.gate.sessions.list().length
}

test('a download ends when its login is ended from another browser', async () => {
  const big = await open(join(site.world.root, 'big.bin'), 'w')
  await big.truncate(256 * 1024 * 1024)
  await big.close()
  const browser = await site.person('ann', 'administrator')
  const other = site.browser()
  await other.login('ann')
  const socket = await begin('GET /console/download/big.bin HTTP/1.1', browser)
  expect(await live()).toBe(1)
  await other.post('/console/account/browsers/end-others')
  let received = 0
  socket.on('data', (chunk: Buffer) => {
    received += chunk.length
  })
  socket.resume()
  await once(socket, 'close')
  expect(received).toBeLessThan(256 * 1024 * 1024)
  expect(site.world.core.gate.sessions.list()).toHaveLength(0)
})

test('a download ends when its browser logs out', async () => {
  const browser = await site.person('dan', 'administrator')
  const socket = await begin('GET /console/download/big.bin HTTP/1.1', browser)
  expect(await live()).toBe(1)
  await browser.post('/console/logout')
  socket.resume()
  await once(socket, 'close')
  expect(site.world.core.gate.sessions.list()).toHaveLength(0)
})

test('an upload that waits for its bytes ends when its user is disabled', async () => {
  const browser = await site.person('bea', 'administrator')
  const more = `Origin: ${site.origin}\r\nX-Csrf-Token: ${browser.csrf}\r\nContent-Length: 1000000\r\n`
  const socket = await begin('PUT /console/upload/late.bin HTTP/1.1', browser, more)
  expect(await live()).toBe(1)
  await disableUser(site.world.identity, OPERATOR, site.world.site.id, { name: 'bea' })
  socket.resume()
  await once(socket, 'close')
  expect(site.world.core.gate.sessions.list()).toHaveLength(0)
  const listed = await (await site.person('cid', 'administrator')).get('/console/files')
  expect(listed.text).not.toContain('late.bin')
})
