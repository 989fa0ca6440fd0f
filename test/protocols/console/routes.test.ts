import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { addSite, updateSite } from '#identity/sites.ts'
import { ROUTES } from '#protocols/console/routes.ts'
import { type Browser, type Console, OPERATOR, startConsole } from './client.ts'

/*
 * Who may use which address. `own`: only what is their own; an address of somebody else's is not there.
 * A new route without a line here fails.
 */
const EVERYBODY = [
  'GET /login',
  'POST /login',
  'GET /login/code',
  'POST /login/code',
  'GET /assets/:version/:name',
]
const PEOPLE = [
  'POST /logout',
  'GET /',
  'GET /files',
  'GET /files/*',
  'GET /download/*',
  'PUT /upload/*',
  'POST /file-folder',
  'POST /file-rename',
  'POST /file-remove',
  'GET /trash',
  'POST /trash/:id/restore',
  'POST /trash/:id/purge',
  'GET /account',
  'POST /account/password',
  'POST /account/browsers/:browser/end',
  'POST /account/browsers/end-others',
  'POST /account/factor',
  'GET /account/factor',
  'POST /account/factor/confirm',
  'POST /account/factor/remove',
  'POST /account/factor/codes',
]
const KEY_OWNERS = [
  'GET /keys',
  'GET /keys/new',
  'POST /keys',
  'GET /keys/:key',
  'GET /keys/:key/edit',
  'POST /keys/:key/edit',
  'POST /keys/:key/rotate',
  'POST /keys/:key/disable',
  'POST /keys/:key/enable',
  'POST /keys/:key/delete',
  'POST /keys/:key/sessions/:session/end',
  'POST /account/ssh-keys',
  'POST /account/ssh-keys/:id/remove',
]
const ADMINISTRATORS = [
  'POST /sessions/:session/end',
  'GET /users',
  'GET /users/new',
  'POST /users',
  'GET /users/:user',
  'POST /users/:user',
  'POST /users/:user/disable',
  'POST /users/:user/enable',
  'POST /users/:user/delete',
  'POST /users/:user/link',
  'POST /users/:user/factor/remove',
  'POST /grants',
  'POST /grants/:grant/remove',
  'GET /groups',
  'POST /groups',
  'GET /groups/:group',
  'POST /groups/:group/rename',
  'POST /groups/:group/delete',
  'POST /groups/:group/members',
  'POST /groups/:group/members/:user/remove',
  'GET /sites',
  'POST /sites',
  'POST /sites/:site/disable',
  'POST /sites/:site/enable',
  'POST /sites/:site/delete',
  'GET /audit',
  'GET /settings',
  'POST /settings',
]

let site: Console
let administrator: Browser
let member: Browser
let childId = ''
let childAdministrator: Browser
beforeAll(async () => {
  site = await startConsole()
  const { world } = site
  const child = await addSite(world.identity, OPERATOR, {
    name: 'child',
    folder: `${world.root}-c`,
    parentId: world.site.id,
  })
  childId = child.site.id
  await site.addPerson('victim')
  administrator = await site.person('boss', 'administrator')
  member = await site.person('ann')
  childAdministrator = await site.person('below', 'administrator', childId)
}, 120_000)
afterAll(() => site[Symbol.asyncDispose](), 120_000)

type Line = { readonly method: string; readonly path: string }

function linesOf(names: readonly string[]): readonly Line[] {
  return names.map((name) => {
    const [method = '', path = ''] = name.split(' ')
    return { method, path: path.replace(/:\w+|\*/g, 'nobody') }
  })
}

/** Sends what the route takes, with a right token and nothing else of use. */
async function statusOf(browser: Browser, { method, path }: Line, at = ''): Promise<number> {
  const place = `/console${at}${path === '/' ? '' : path}`
  if (method === 'GET') return (await browser.get(place)).status
  if (method === 'POST') return (await browser.post(place)).status
  const headers = { origin: site.origin, 'x-csrf-token': browser.csrf }
  return (await browser.send(place, { method, body: 'x', headers })).status
}

describe('who may use which address', () => {
  test('every route has its line', () => {
    const known = [...EVERYBODY, ...PEOPLE, ...KEY_OWNERS, ...ADMINISTRATORS]
    expect(ROUTES.map(({ method, path }) => `${method} ${path}`).toSorted()).toEqual(known.toSorted())
  })

  test('nobody gets past the login without one', async () => {
    for (const line of linesOf([...PEOPLE, ...KEY_OWNERS, ...ADMINISTRATORS])) {
      const status = await statusOf(site.browser(), line)
      expect(status, `${line.method} ${line.path}`).toBe(line.method === 'GET' ? 303 : 401)
    }
  })

  test('a member is refused what is for administrators, and keys where the site keeps them', async () => {
    for (const line of linesOf([...ADMINISTRATORS, ...KEY_OWNERS])) {
      expect(await statusOf(member, line), `${line.method} ${line.path}`).toBe(403)
    }
  })

  test('a member of a site with self-service reaches own keys, and no page of administrators (K2)', async () => {
    const { identity, site: own } = site.world
    await updateSite(identity, OPERATOR, own.id, { settings: { usersMayCreateKeys: true } })
    for (const line of linesOf(ADMINISTRATORS)) {
      expect(await statusOf(member, line), `${line.method} ${line.path}`).toBe(403)
    }
    expect((await member.get('/console/keys')).text).toContain('My keys')
    const { id } = await site.world.issue({ user: 'victim', role: 'member' })
    for (const line of linesOf(KEY_OWNERS)) {
      if (!line.path.startsWith('/keys/nobody')) continue
      const path = line.path.replace('nobody', id)
      expect(await statusOf(member, { ...line, path }), `${line.method} ${path}`).toBe(404)
    }
    const forged = await member.post('/console/keys', { name: 'theirs', type: 'user', user: 'victim' })
    expect(forged.status).toBe(403)
    expect((await member.post('/console/keys', { name: 'whole', type: 'site' })).status).toBe(403)
    await updateSite(identity, OPERATOR, own.id, { settings: { usersMayCreateKeys: false } })
  })

  test('an administrator is refused nothing for the role', async () => {
    for (const line of linesOf([...ADMINISTRATORS, ...KEY_OWNERS])) {
      expect([401, 403], `${line.method} ${line.path}`).not.toContain(await statusOf(administrator, line))
    }
  })

  test('an administrator of the site above enters a child; nobody of the child enters the one above (U4)', async () => {
    const at = `/at/${childId}`
    expect((await administrator.get(`/console${at}/users`)).text).toContain('below')
    const above = `/at/${site.world.site.id}`
    for (const line of linesOf([...ADMINISTRATORS, ...KEY_OWNERS])) {
      if (line.path.startsWith('/account')) continue
      expect([401, 403], `${line.method} ${line.path}`).not.toContain(await statusOf(administrator, line, at))
      expect(await statusOf(childAdministrator, line, above), `${line.method} ${line.path}`).toBe(404)
      expect([403, 404], `${line.method} ${line.path}`).toContain(await statusOf(member, line, at))
    }
    for (const path of ['/files', '/account']) {
      expect((await administrator.get(`/console${at}${path}`)).status).toBe(404)
    }
  })
})

describe('changes come from our own pages only', () => {
  const body = new URLSearchParams({ name: 'forged' })
  const form = 'application/x-www-form-urlencoded'
  const send = (headers: Record<string, string>, csrf: string) => {
    const text = new URLSearchParams({ ...Object.fromEntries(body), csrf }).toString()
    return administrator.send('/console/groups', {
      method: 'POST',
      body: text,
      headers: { 'content-type': form, ...headers },
    })
  }

  test('a form without the token, or with another one, is refused', async () => {
    for (const csrf of ['', 'x', member.csrf]) {
      expect((await send({ origin: site.origin }, csrf)).status).toBe(403)
    }
  })

  test.each([
    ['no origin', {}],
    ['another origin', { origin: 'https://evil.example' }],
    ['another port', { origin: 'http://127.0.0.1:1' }],
    ['no origin to tell', { origin: 'null' }],
    ['another site, says the browser', { origin: 'self', 'sec-fetch-site': 'cross-site' }],
  ])('a form from %s is refused, with the right token too', async (_, headers: Record<string, string>) => {
    const own = headers.origin === 'self' ? { ...headers, origin: site.origin } : headers
    expect((await send(own, administrator.csrf)).status).toBe(403)
    expect((await administrator.get('/console/groups')).text).not.toContain('forged')
  })

  test('a login from another page is refused', async () => {
    const text = new URLSearchParams({ name: 'boss', password: 'x' }).toString()
    const headers = { 'content-type': form, origin: 'https://evil.example' }
    const answer = await site.browser().send('/console/login', { method: 'POST', body: text, headers })
    expect(answer.status).toBe(403)
  })

  test('GET changes nothing: no address that changes takes it', async () => {
    for (const { method, path } of ROUTES) {
      if (method === 'GET' || ROUTES.some((other) => other.method === 'GET' && other.path === path)) continue
      const place = `/console${path.replace(/:\w+|\*/g, 'nobody')}`
      expect([404, 501], place).toContain((await administrator.get(place)).status)
    }
  })
})

test('every page has a strict policy, no script of its own, and is kept by nobody', async () => {
  for (const { method, path, rule } of ROUTES) {
    if (method !== 'GET' || path.includes(':') || path.includes('*')) continue
    const browser = rule === 'public' ? site.browser() : administrator
    const { headers, text, status } = await browser.get(`/console${path === '/' ? '' : path}`)
    if (status === 404) continue
    const policy = String(headers['content-security-policy'])
    expect(policy, path).toContain("default-src 'none'")
    expect(policy, path).not.toMatch(/unsafe|\*|data:|https?:/)
    expect(headers['cache-control'], path).toBe('no-store')
    expect(text, path).not.toMatch(
      /<script(?! type="module" src="\/console\/assets\/)|javascript:|\son\w+=|\sstyle=|<style/i,
    )
    expect(text.replace(/http:\/\/www\.w3\.org\/2000\/svg/g, ''), path).not.toMatch(
      /(src|href|action)="(https?:)?\/\//,
    )
  }
})
