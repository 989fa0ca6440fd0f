import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTicket } from '#identity/tickets.ts'
import { addUser } from '#identity/users.ts'
import { type Rest, startRest } from './client.ts'

const PASSWORD = 'correct horse battery'

let rest: Rest
beforeAll(async () => {
  rest = await startRest()
  const { identity, site } = rest.world
  await addUser(identity, { kind: 'command_line' }, site.id, { name: 'o<b>&', role: 'administrator' })
})
afterAll(() => rest[Symbol.asyncDispose]())

async function link(): Promise<string> {
  const { identity, site } = rest.world
  const { ticket } = await createTicket(identity, { kind: 'command_line' }, site.id, { name: 'o<b>&' })
  return `/start/${ticket}`
}

function post(path: string, password: string, again = password) {
  const body = new URLSearchParams({ password, again }).toString()
  return rest.call(path, { body, headers: { 'content-type': 'application/x-www-form-urlencoded' } })
}

describe('the one-time link', () => {
  test('is not used up by opening it, with GET or HEAD, however often', async () => {
    const path = await link()
    for (const method of ['GET', 'HEAD', 'GET']) expect((await rest.call(path, { method })).status).toBe(200)
    const { status, text } = await post(path, PASSWORD)
    expect(status).toBe(200)
    expect(text).toContain('Your password is set')
    expect(text).toContain('o&lt;b&gt;&amp;')
    expect(text).toContain('/api/openapi.json')
  })

  test('works once', async () => {
    const path = await link()
    expect((await post(path, PASSWORD)).status).toBe(200)
    for (const again of [await post(path, PASSWORD), await rest.call(path)]) {
      expect(again.status).toBe(404)
      expect(again.text).toContain('used already')
      expect(again.text).not.toContain('<form')
    }
  })

  test('a password that is short, or not the same twice, is asked for again', async () => {
    const path = await link()
    const short = await post(path, 'short')
    expect(short.status).toBe(400)
    expect(short.text).toContain('at least 12 characters')
    const differing = await post(path, PASSWORD, `${PASSWORD}x`)
    expect(differing.status).toBe(400)
    expect(differing.text).toContain('not the same')
    expect(differing.text).not.toContain(PASSWORD)
    expect((await post(path, PASSWORD)).status).toBe(200)
  })

  test('is over after 24 hours', async () => {
    const path = await link()
    rest.world.clock.advance(24 * 3_600_000)
    expect((await rest.call(path)).status).toBe(404)
    expect((await post(path, PASSWORD)).status).toBe(404)
  })

  test('a dead link and one that never was are answered alike', async () => {
    const dead = await link()
    await post(dead, PASSWORD)
    const [first, second] = [await rest.call(dead), await rest.call(`/start/${'x'.repeat(43)}`)]
    expect(first).toMatchObject({ status: second.status, text: second.text })
  })

  test.each([
    ['a link that never was', `/start/${'x'.repeat(43)}`, 404],
    ['a link of another shape', '/start/x', 404],
  ])('%s', async (_, path, status) => {
    const answer = await post(path, PASSWORD)
    expect(answer.status).toBe(status)
    expect(answer.text).toContain('never was')
  })

  test.each([
    ['no fields', '', 'application/x-www-form-urlencoded', 400],
    ['another type', '{}', 'text/plain', 415],
    ['too much', `password=${'x'.repeat(9_000)}`, 'application/x-www-form-urlencoded', 413],
  ])('a form with %s is answered with a page', async (_, body, type, status) => {
    const answer = await rest.call(await link(), { method: 'POST', body, headers: { 'content-type': type } })
    expect(answer.status).toBe(status)
    expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8')
  })

  test('its secret is never logged', async () => {
    const path = await link()
    await rest.call(path)
    await post(path, PASSWORD)
    const logged = JSON.stringify(rest.world.logs)
    expect(logged).toContain('/start/:ticket')
    expect(logged).not.toContain(path)
  })
})

describe('its page', () => {
  test('allows no script, nothing from elsewhere, no frame and no referrer', async () => {
    const { headers, text } = await rest.call(await link())
    const policy = headers.get('content-security-policy') ?? ''
    expect(policy).toContain("default-src 'none'")
    expect(policy).toContain("frame-ancestors 'none'")
    expect(policy).not.toContain('unsafe')
    const style = /<style>([\s\S]*)<\/style>/.exec(text)?.[1] ?? ''
    expect(policy).toContain(`'sha256-${createHash('sha256').update(style).digest('base64')}'`)
    expect(text).not.toMatch(/<script|javascript:|\son\w+=|\sstyle=|https?:/i)
    expect(headers.get('referrer-policy')).toBe('no-referrer')
    expect(headers.get('cache-control')).toBe('no-store')
  })

  test('can be used with a keyboard and read aloud', async () => {
    const path = await link()
    const { text } = await post(path, 'short')
    expect(text).toMatch(/<html lang="en">/)
    for (const [, id] of text.matchAll(/<input id="(\w+)"/g)) expect(text).toContain(`<label for="${id}">`)
    expect(text).toContain('role="alert"')
    expect(text).toContain('autocomplete="new-password"')
  })
})
