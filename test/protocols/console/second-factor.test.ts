import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { resealAll } from '#credentials/resealing.ts'
import { stepAt, totpCode } from '#credentials/totp.ts'
import { updateUser } from '#identity/users.ts'
import { type Browser, type Console, OPERATOR, PASSWORD, startConsole } from './client.ts'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

let site: Console
let people = 0
beforeAll(async () => {
  site = await startConsole()
}, 120_000)
afterAll(() => site[Symbol.asyncDispose](), 120_000)

type Armed = {
  readonly name: string
  readonly browser: Browser
  readonly secret: Buffer
  readonly codes: string[]
}

/** Somebody with a second factor. */
async function armed(): Promise<Armed> {
  const name = `person-${++people}`
  const browser = await site.person(name)
  await browser.post('/console/account/factor', { current: PASSWORD })
  const page = await browser.get('/console/account/factor')
  const secret = decode(/<code class="big">([A-Z2-7 ]+)<\/code>/.exec(page.text)?.[1] ?? '')
  const done = await browser.post('/console/account/factor/confirm', { code: codeOf(secret) })
  expect(done.status).toBe(200)
  const codes = (/<pre class="codes"[^>]*>([^<]+)<\/pre>/.exec(done.text)?.[1] ?? '').split('\n')
  site.world.clock.advance(60_000)
  return { name, browser, secret, codes }
}

function decode(text: string): Buffer {
  const bits = [...text.replaceAll(' ', '')]
    .map((one) => ALPHABET.indexOf(one).toString(2).padStart(5, '0'))
    .join('')
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)))
}

function codeOf(secret: Buffer): string {
  return totpCode(secret, stepAt(site.world.clock.now()))
}

describe('the second factor', () => {
  test('is shown as a QR code and as text, and counts from its first right code on', async () => {
    const browser = await site.person('new')
    await browser.post('/console/account/factor', { current: PASSWORD })
    const page = await browser.get('/console/account/factor')
    expect(page.text).toMatch(/<svg [^>]+>/)
    expect(page.text).toMatch(/[A-Z2-7]{4}( [A-Z2-7]{4}){7}/)
    const wrong = await browser.post('/console/account/factor/confirm', { code: '000000' })
    expect(wrong.status).toBe(400)
    expect((await site.browser().login('new')).location).toBe('/console')
  })

  test('is asked for after the password, and nothing opens without it', async () => {
    const { name, secret } = await armed()
    const browser = site.browser()
    const half = await browser.login(name)
    expect(half.location).toMatch(/^\/console\/login\/code/)
    expect(half.cookies[0]).toMatch(/^latchkey-code=\w{43}; Path=\/console; HttpOnly; SameSite=Strict$/)
    expect((await browser.get('/console/account')).status).toBe(303)
    const stolen = site.browser()
    stolen.cookies.set('latchkey', browser.cookies.get('latchkey-code') ?? '')
    expect((await stolen.get('/console/account')).status).toBe(303)
    const wrong = await browser.post('/console/login/code', { code: '000000' })
    expect(wrong.status).toBe(401)
    const entered = await browser.post('/console/login/code', { code: codeOf(secret) })
    expect(entered.location).toBe('/console')
    expect(browser.cookies.has('latchkey-code')).toBe(false)
    expect((await browser.get('/console/account')).status).toBe(200)
  })

  test('takes a code once', async () => {
    const { name, secret } = await armed()
    const code = codeOf(secret)
    const [first, second] = [site.browser(), site.browser()]
    await first.login(name)
    await second.login(name)
    expect((await first.post('/console/login/code', { code })).status).toBe(303)
    expect((await second.post('/console/login/code', { code })).status).toBe(401)
  })

  test('takes each recovery code once, however it is typed', async () => {
    const { name, codes } = await armed()
    expect(codes).toHaveLength(10)
    const [code = ''] = codes
    const browser = site.browser()
    await browser.login(name)
    const typed = ` ${code.toUpperCase().replace('-', ' ')} `
    expect((await browser.post('/console/login/code', { code: typed })).status).toBe(303)
    expect((await browser.get('/console/account')).text).toContain('9 of 10 recovery codes')
    const again = site.browser()
    await again.login(name)
    expect((await again.post('/console/login/code', { code })).status).toBe(401)
  })

  test('uses up no recovery code of somebody who may not come in', async () => {
    const { name, codes } = await armed()
    const { identity, site: own, clock } = site.world
    const lastUntil = (expiresAt: number | null) =>
      updateUser(identity, OPERATOR, own.id, { name }, { expiresAt })
    await lastUntil(clock.now() + 60_000)
    const browser = site.browser()
    await browser.login(name)
    clock.advance(90_000)
    expect((await browser.post('/console/login/code', { code: codes[0] ?? '' })).status).toBe(401)
    await lastUntil(null)
    await browser.login(name)
    expect((await browser.post('/console/login/code', { code: codes[0] ?? '' })).status).toBe(303)
  })

  test('gives five tries and five minutes, then the password is asked for again', async () => {
    const { name, secret } = await armed()
    const browser = site.browser()
    await browser.login(name)
    for (let guess = 0; guess < 5; guess++)
      await browser.post('/console/login/code', { code: `00000${guess}` })
    const over = await browser.post('/console/login/code', { code: codeOf(secret) })
    expect(over.text).toContain('too many tries')
    expect(browser.cookies.has('latchkey')).toBe(false)
    await browser.login(name)
    site.world.clock.advance(5 * 60_000)
    expect((await browser.post('/console/login/code', { code: codeOf(secret) })).status).toBe(401)
  })

  test('ends other logins when it is turned on, and closes the doors to the password alone', async () => {
    const name = `person-${++people}`
    const other = await site.person(name)
    const attempt = { door: 'webdav', address: '127.0.0.1', siteId: null, client: 'curl' } as const
    const proof = { kind: 'password', login: name, password: PASSWORD } as const
    expect(await site.world.gate.login({ ...attempt, proof })).toMatchObject({ ok: true })
    const browser = site.browser()
    await browser.login(name)
    await browser.post('/console/account/factor', { current: PASSWORD })
    const page = await browser.get('/console/account/factor')
    const secret = decode(/<code class="big">([A-Z2-7 ]+)<\/code>/.exec(page.text)?.[1] ?? '')
    await browser.post('/console/account/factor/confirm', { code: codeOf(secret) })
    expect((await other.get('/console/account')).status).toBe(303)
    expect((await browser.get('/console/account')).status).toBe(200)
    expect(await site.world.gate.login({ ...attempt, proof })).toMatchObject({ ok: false })
  })

  test('is turned off with the password only', async () => {
    const { name, browser } = await armed()
    const refused = await browser.post('/console/account/factor/remove', { current: 'not the password' })
    expect(refused.status).toBe(400)
    await browser.post('/console/account/factor/remove', { current: PASSWORD })
    expect((await site.browser().login(name)).location).toBe('/console')
  })

  test('keeps its secret sealed, and is sealed again under a new master key (K12)', async () => {
    const { name, secret } = await armed()
    const { identity, site: own, folder } = site.world
    const user = await identity.store.userByName(own.id, name)
    const held = await identity.store.secondFactor(user?.id ?? '')
    expect(held?.sealed.includes(secret)).toBe(false)
    const outdated = { ...folder.sealer, isOutdated: () => true }
    expect(await resealAll(folder.records.sealed, outdated)).toBeGreaterThan(0)
    const resealed = await identity.store.secondFactor(user?.id ?? '')
    expect(resealed?.sealed.equals(held?.sealed ?? Buffer.alloc(0))).toBe(false)
    const browser = site.browser()
    await browser.login(name)
    expect((await browser.post('/console/login/code', { code: codeOf(secret) })).status).toBe(303)
  })

  test('is set up with the password only: an open browser alone must not lock its owner out', async () => {
    const browser = await site.person(`person-${++people}`)
    const refused = await browser.post('/console/account/factor', { current: 'not the password' })
    expect(refused.status).toBe(400)
    expect((await browser.get('/console/account/factor')).status).toBe(404)
  })
})
