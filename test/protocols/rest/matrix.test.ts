import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createGuestKey } from '#identity/guest-key.ts'
import { updateSite } from '#identity/sites.ts'
import { setPassword } from '#identity/users.ts'
import { LEVELS } from '#permissions/grants.ts'
import { ALL_SCOPES, scopesOf } from '#permissions/scopes.ts'
import { startWorld, type World } from '#test/world.ts'
import { bodyFor, RULES, type Rule, TUS_HEADERS } from './matrix-rules.ts'

/*
 * K1, K2, U2, U4: role × site × operation, from the API's own description: parent ← own ← child, and other beside
 * them. `in`: whatever comes of it, it is not refused. `refused`: 401 or 403. `hidden`: the site is not there.
 */

const OPERATOR = { kind: 'command_line' } as const
const PASSWORD = 'correct horse battery'
type Outcome = 'in' | 'refused' | 'hidden'
type Target = 'own' | 'child' | 'other'
type Role = 'none' | 'guest' | 'member' | 'member key' | 'administrator' | 'administrator key'
type Caller = Role | 'narrow administrator key' | 'site key' | 'parent’s administrator'

let world: World
const ports = new Map<string, number>()
const ids = new Map<string, string>()
const headers = new Map<Caller, Record<string, string>>()
let memberKey = ''
let othersKey = ''
let operations: string[] = []

beforeAll(async () => {
  world = await startWorld()
  const grants = [{ path: '/team', rights: LEVELS.get('full') ?? 0 }]
  for (const name of ['parent', 'own', 'child', 'other', 'public']) {
    const { id, root } = await world.addSite(name)
    ids.set(name, id)
    ports.set(name, (await world.start('rest', { siteId: id })).port)
    await mkdir(join(root, 'team'))
  }
  for (const site of ['parent', 'own']) {
    await world.issue({ site, name: 'a key', user: 'boss' })
    await setPassword(world.identity, OPERATOR, idOf(site), { name: 'boss' }, PASSWORD)
  }
  const own = { site: 'own' }
  const member = await world.issue({ ...own, name: 'mia’s', user: 'mia', role: 'member', grants })
  await setPassword(world.identity, OPERATOR, idOf('own'), { name: 'mia' }, PASSWORD)
  memberKey = member.id
  othersKey = (await world.issue({ ...own, name: 'ben’s', user: 'ben', role: 'member' })).id
  const narrow = { ...own, name: 'narrow', scopes: ALL_SCOPES & ~scopesOf('admin') }
  const bearer = ({ value }: { value: string }) => ({ authorization: `Bearer ${value}` })
  const basic = (name: string) => ({
    authorization: `Basic ${Buffer.from(`${name}:${PASSWORD}`).toString('base64')}`,
  })
  headers.set('none', {}).set('guest', {}).set('member', basic('mia')).set('member key', bearer(member))
  headers.set('administrator', basic('boss')).set('parent’s administrator', basic('boss'))
  headers.set('administrator key', bearer(await world.issue({ ...own, name: 'full' })))
  headers.set('narrow administrator key', bearer(await world.issue(narrow)))
  headers.set('site key', bearer(await world.issue({ ...own, name: 'whole', type: 'site' })))
  await createGuestKey(world.identity, OPERATOR, idOf('public'), {})
  await updateSite(world.identity, OPERATOR, idOf('own'), {
    parentId: idOf('parent'),
    settings: { usersMayCreateKeys: true },
  })
  await updateSite(world.identity, OPERATOR, idOf('child'), { parentId: idOf('own') })
  operations = await describedOperations()
}, 120_000)
afterAll(() => world[Symbol.asyncDispose]())

function idOf(site: string): string {
  return ids.get(site) ?? ''
}

async function describedOperations(): Promise<string[]> {
  const answer = await fetch(`http://127.0.0.1:${ports.get('own')}/api/openapi.json`)
  const { paths } = (await answer.json()) as { paths: Record<string, object> }
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  )
}

async function ask(caller: Caller, operation: string, target: Target, id: string) {
  const [method = '', path = ''] = operation.split(' ')
  const site = caller === 'guest' ? 'public' : caller === 'parent’s administrator' ? 'parent' : 'own'
  const isOfSite = path.startsWith('/api/v1/sites/')
  const url = new URL(`http://127.0.0.1:${ports.get(site)}${path}`)
  url.pathname = path
    .replace('{id}', isOfSite ? idOf(target) : id)
    .replace('{path}', 'team/none/x')
    .replace('{user_id}', 'x')
  const named = target !== 'own' || site === 'parent'
  if (named && !isOfSite && path.startsWith('/api/v1/')) url.searchParams.set('site', idOf(target))
  if (operation === 'DELETE /api/v1/sites/{id}') url.searchParams.set('confirm', 'wrong')
  const body = bodyFor(operation, memberKey)
  const isTus = path.startsWith('/api/v1/uploads')
  const isBytes = method === 'PUT' && path.includes('{path}')
  const answer = await fetch(url, {
    method,
    headers: {
      ...headers.get(caller),
      ...(isTus && TUS_HEADERS),
      ...(isTus && method === 'PATCH' && { 'content-type': 'application/offset+octet-stream' }),
      ...(body && { 'content-type': 'application/json' }),
    },
    ...(body && { body: JSON.stringify(body) }),
    ...(isBytes && { body: 'bytes' }),
  })
  const text = await answer.text()
  return { status: answer.status, text, outcome: outcomeOf(answer.status, text) }
}

function outcomeOf(status: number, text: string): Outcome {
  if (status === 401 || status === 403) return 'refused'
  return status === 404 && text.includes('no such site') ? 'hidden' : 'in'
}

const ADMINISTRATORS: readonly Caller[] = ['administrator', 'administrator key', 'site key']
const PEOPLE: readonly Caller[] = ['administrator', 'parent’s administrator']

function expectedOutcome(caller: Caller, rule: Rule, target: Target): Outcome {
  if (rule === 'open') return 'in'
  if (caller === 'none') return 'refused'
  if (caller === 'guest') return rule === 'any' ? 'in' : 'refused'
  if (rule === 'any' && target === 'own') return 'in'
  const fromAbove = caller === 'parent’s administrator' || target === 'child'
  if (target === 'other' || (fromAbove && !PEOPLE.includes(caller))) return 'hidden'
  if (rule === 'files') return fromAbove ? 'refused' : 'in'
  if (rule === 'any') return 'in'
  if (fromAbove) return 'in'
  if (rule === 'overseen') return 'refused'
  if (rule === 'above') return PEOPLE.includes(caller) ? 'in' : 'refused'
  if (ADMINISTRATORS.includes(caller)) return 'in'
  if (rule === 'keys') return caller === 'member' ? 'in' : 'refused'
  return rule === 'asked' && caller !== 'narrow administrator key' ? 'in' : 'refused'
}

const AT_HOME: readonly Caller[] = [
  ...(['none', 'guest', 'member', 'member key', 'administrator', 'administrator key'] as const),
  ...(['narrow administrator key', 'site key', 'parent’s administrator'] as const),
]
const ELSEWHERE: readonly Caller[] = ['member', 'administrator', 'administrator key', 'site key']
const CELLS: readonly (readonly [Caller, Target])[] = [
  ...AT_HOME.map((caller) => [caller, 'own'] as const),
  ...(['child', 'other'] as const).flatMap((target) =>
    [...ELSEWHERE, 'parent’s administrator' as const].map((caller) => [caller, target] as const),
  ),
]

// Guests share the files of their site as its guest key says; that is another test's business.
function isLeftOut(caller: Caller, rule: Rule): boolean {
  return caller === 'guest' && rule === 'files'
}

describe('the matrix', () => {
  test('has a rule for every operation of the API, and for no other', () => {
    expect(operations.filter((operation) => !RULES.has(operation))).toEqual([])
    expect([...RULES.keys()].filter((operation) => !operations.includes(operation))).toEqual([])
  })

  test.each(CELLS)(
    '%s, about the site %s',
    async (caller, target) => {
      const wrong: string[] = []
      for (const [operation, rule] of RULES) {
        if (isLeftOut(caller, rule)) continue
        if (target !== 'own' && !operation.includes('/api/v1/')) continue
        const { outcome, status, text } = await ask(caller, operation, target, 'x')
        const expected = expectedOutcome(caller, rule, target)
        // An answer to HEAD has no words: whether the site or what is in it was missing cannot be told.
        const missing = operation.startsWith('HEAD ') && status === 404
        if (missing ? expected === 'refused' : outcome !== expected)
          wrong.push(`${operation}: ${outcome}, not ${expected} (${status} ${text})`)
      }
      expect(wrong).toEqual([])
    },
    120_000,
  )

  const OF_ONE_KEY = [...RULES.keys()].filter((operation) => operation.includes('/api/v1/keys/{id}'))
  // What deletes comes last.
  const ORDERED = OF_ONE_KEY.toSorted(
    (a, b) => Number(a.startsWith('DELETE')) - Number(b.startsWith('DELETE')),
  )

  test.each(ORDERED)('K2: %s reaches the own key, and not that of somebody else', async (operation) => {
    expect(await ask('member', operation, 'own', othersKey)).toMatchObject({ status: 404 })
    expect((await ask('member', operation, 'own', memberKey)).status).toBeLessThan(300)
    for (const caller of ['member key', 'narrow administrator key'] as const)
      expect((await ask(caller, operation, 'own', othersKey)).outcome).toBe('refused')
  })
})
