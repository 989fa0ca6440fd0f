import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { deleteUser } from '#identity/leave-site.ts'
import { updateSite } from '#identity/sites.ts'
import { disableUser, enableUser, setPassword } from '#identity/users.ts'
import { type Console, OPERATOR, PASSWORD, startConsole } from './client.ts'

let site: Console
beforeAll(async () => {
  site = await startConsole({ trustedProxies: ['127.0.0.1'] })
  await site.addPerson('ann', 'administrator')
}, 120_000)
afterAll(() => site[Symbol.asyncDispose](), 120_000)

describe('the login page', () => {
  test('is where every page leads without a login, and comes back to the page', async () => {
    const browser = site.browser()
    const asked = await browser.get('/console/keys?state=active')
    expect(asked.status).toBe(303)
    expect(asked.location).toBe('/console/login?next=%2Fconsole%2Fkeys%3Fstate%3Dactive')
    const page = await browser.get(asked.location)
    expect(page.text).toContain('name="next" value="/console/keys?state=active"')
    const next = '/console/keys?state=active'
    const entered = await browser.post('/console/login', { name: 'ann', password: PASSWORD, next })
    expect(entered.location).toBe(next)
  })

  test.each([
    'https://evil.example',
    '//evil.example',
    '/console@evil.example',
    'javascript:alert(1)',
    '/console\\evil',
  ])('leads nowhere else: %s', async (next) => {
    const { location } = await site
      .browser()
      .post('/console/login', { name: 'ann', password: PASSWORD, next })
    expect(location).toBe('/console')
  })

  test('answers a wrong password, an unknown name and a disabled user alike (R2)', async () => {
    await site.addPerson('gone')
    await disableUser(site.world.identity, OPERATOR, site.world.site.id, { name: 'gone' })
    const answers = await Promise.all([
      site.browser().login('ann', 'wrong password'),
      site.browser().login('nobody', PASSWORD),
      site.browser().login('gone', PASSWORD),
    ])
    const texts = answers.map(({ text }) => text.replace(/value="(ann|nobody|gone)"/, ''))
    expect(new Set(texts).size).toBe(1)
    for (const { status, cookies } of answers) {
      expect(status).toBe(401)
      expect(cookies).toEqual([])
    }
    expect(texts[0]).not.toContain(PASSWORD)
  })
})

describe('the cookie', () => {
  test('is out of reach of scripts and other sites, and behind HTTPS bound to the host', async () => {
    const plain = await site.browser().login('ann')
    expect(plain.cookies).toEqual([
      expect.stringMatching(/^latchkey=[0-9A-Za-z]{43}; Path=\/console; HttpOnly; SameSite=Lax$/),
    ])
    const browser = site.browser()
    const secure = await browser.send('/console/login', {
      method: 'POST',
      body: new URLSearchParams({ name: 'ann', password: PASSWORD }).toString(),
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        host: 'files.example.org',
        origin: 'https://files.example.org',
        'x-forwarded-proto': 'https',
      },
    })
    expect(secure.cookies).toEqual([
      expect.stringMatching(/^__Host-latchkey=[0-9A-Za-z]{43}; Path=\/; Secure; HttpOnly; SameSite=Lax$/),
    ])
  })

  test('is replaced every quarter of an hour; the one before works for a minute only', async () => {
    const browser = await site.person('rotating')
    const first = browser.cookies.get('latchkey') ?? ''
    site.world.clock.advance(16 * 60_000)
    const renewed = await browser.get('/console/account')
    expect(renewed.cookies).toHaveLength(1)
    expect(browser.cookies.get('latchkey')).not.toBe(first)
    const old = site.browser()
    old.cookies.set('latchkey', first)
    expect((await old.get('/console/account')).status).toBe(200)
    expect(old.cookies.get('latchkey')).toBe(first)
    site.world.clock.advance(61_000)
    expect((await old.get('/console/account')).status).toBe(303)
    // A cookie that was replaced long ago is in two hands: the login is over for both.
    expect((await browser.get('/console/account')).status).toBe(303)
  })

  test('ends after an hour without a request, and after twelve hours in any case', {
    timeout: 60_000,
  }, async () => {
    const idle = await site.person('idle')
    const busy = await site.person('busy')
    for (let minutes = 0; minutes < 12 * 60; minutes += 50) {
      expect((await busy.get('/console/account')).status).toBe(200)
      site.world.clock.advance(50 * 60_000)
    }
    expect((await idle.get('/console/account')).status).toBe(303)
    expect((await busy.get('/console/account')).status).toBe(303)
  })

  test('is kept as a digest: the records do not hold it', async () => {
    const browser = await site.person('kept')
    const cookie = browser.cookies.get('latchkey') ?? 'none'
    const user = await site.world.identity.store.userByName(site.world.site.id, 'kept')
    const held = await site.world.identity.store.browsers(user?.id ?? '')
    expect(held).toHaveLength(1)
    expect(JSON.stringify(held)).not.toContain(cookie)
    expect(JSON.stringify(site.world.logs)).not.toContain(cookie)
  })
})

describe('a login ends (R1, U6)', () => {
  const ways: readonly [string, (name: string) => Promise<unknown>][] = [
    [
      'the user is disabled',
      (name) => disableUser(site.world.identity, OPERATOR, site.world.site.id, { name }),
    ],
    [
      'the user is deleted',
      (name) => deleteUser(site.world.identity, OPERATOR, site.world.site.id, { name }),
    ],
    [
      'the password is changed',
      (name) => setPassword(site.world.identity, OPERATOR, site.world.site.id, { name }, 'another password'),
    ],
  ]
  test.each(ways)('when %s', async (what, change) => {
    const name = what.replaceAll(' ', '-')
    const browser = await site.person(name)
    expect((await browser.get('/console/account')).status).toBe(200)
    await change(name)
    expect((await browser.get('/console/account')).status).toBe(303)
  })

  test('and does not come back when the user is enabled again', async () => {
    const browser = await site.person('back')
    const { identity, site: own } = site.world
    await disableUser(identity, OPERATOR, own.id, { name: 'back' })
    await enableUser(identity, OPERATOR, own.id, { name: 'back' })
    expect((await browser.get('/console/account')).status).toBe(303)
  })

  test('when they log out, or end it from another browser', async () => {
    const first = await site.person('two')
    const second = site.browser()
    await second.login('two')
    const page = await second.get('/console/account')
    const other = /browsers\/(\w+)\/end/.exec(page.text)?.[1] ?? ''
    expect((await second.post(`/console/account/browsers/${other}/end`)).status).toBe(303)
    expect((await first.get('/console/account')).status).toBe(303)
    expect((await second.get('/console/account')).status).toBe(200)
    const cookie = second.cookies.get('latchkey') ?? ''
    expect((await second.post('/console/logout')).location).toBe('/console/login?out=1')
    second.cookies.set('latchkey', cookie)
    expect((await second.get('/console/account')).status).toBe(303)
  })
})

test('people enter the console also where passwords open no door (D7)', async () => {
  await updateSite(site.world.identity, OPERATOR, site.world.site.id, { settings: { passwordLogin: false } })
  const { location } = await site.browser().login('ann')
  expect(location).toBe('/console')
  await updateSite(site.world.identity, OPERATOR, site.world.site.id, { settings: { passwordLogin: true } })
})

test('guesses are held back, at the console and at the doors together (R2)', async () => {
  await site.addPerson('target')
  for (let guess = 0; guess < 11; guess++)
    await site.browser('192.0.2.66').login('target', `wrong ${guess} password`)
  const held = await site.browser('192.0.2.66').login('target')
  expect(held.status).toBe(429)
  expect(held.text).toContain('After so many tries')
  const attempt = { door: 'webdav', address: '192.0.2.66', siteId: null, client: 'curl' } as const
  const proof = { kind: 'password', login: 'target', password: PASSWORD } as const
  expect(await site.world.gate.login({ ...attempt, proof })).toEqual({
    ok: false,
    retryAfter: expect.any(Number),
  })
})

test('each login is recorded, granted or refused (R3)', async () => {
  const { identity, site: own, clock } = site.world
  clock.advance(20 * 60_000)
  const from = clock.now()
  await site.addPerson('recorded')
  await site.browser('192.0.2.7').login('recorded', 'wrong password')
  await site.browser('192.0.2.7').login('recorded')
  await site.browser('192.0.2.7').login('recorded')
  const found = await identity.audit.search(
    { siteId: own.id, user: 'recorded', action: 'login', from },
    { limit: 10, after: null, order: 'oldest' },
  )
  expect(found.map(({ outcome, reason }) => [outcome, reason])).toEqual([
    ['refused', 'wrong_value'],
    ['ok', ''],
    ['ok', ''],
  ])
})

test('logging out is recorded with the browser that it ended (R3)', async () => {
  const { identity, site: own } = site.world
  const browser = await site.person('leaver')
  await browser.post('/console/logout')
  const found = await identity.audit.search(
    { siteId: own.id, user: 'leaver', action: 'session.end' },
    { limit: 10, after: null, order: 'oldest' },
  )
  expect(found.map(({ outcome, door, subject }) => [outcome, door, subject])).toEqual([
    ['ok', 'rest', expect.stringMatching(/^user leaver: login \w+ in a browser$/)],
  ])
})
