import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { startRestDoor } from '#protocols/rest/door.ts'
import { startWorld, type World } from '#test/world.ts'
import { errorShape, startRest } from './client.ts'

const LOG = { debug() {}, info() {}, warn() {}, error() {} }

async function startDoor(world: World, options: { corsOrigins?: string[]; requestsPerMinute?: number }) {
  const listener = { address: '127.0.0.1', port: 0, siteId: null }
  const { identity, gate } = world
  const door = await startRestDoor(gate, { listener, log: LOG, identity, ...options })
  const call = (path: string, init: RequestInit = {}) => fetch(`http://127.0.0.1:${door.port}${path}`, init)
  return { call, [Symbol.asyncDispose]: () => door.stop(AbortSignal.abort()) }
}

describe('rates', () => {
  test('who asks too often waits; others and files do not', async () => {
    await using world = await startWorld()
    await using door = await startDoor(world, { requestsPerMinute: 3 })
    const [key, other] = [await world.issue(), await world.issue()]
    const ask = (value: string, path = '/api/v1/keys') =>
      door.call(path, { headers: { authorization: `Bearer ${value}` } })
    const first = await ask(key.value)
    expect(first.headers.get('ratelimit-policy')).toBe('"caller";q=3;w=60')
    expect(first.headers.get('ratelimit')).toBe('"caller";r=2;t=20')
    await ask(key.value)
    await ask(key.value)
    const refused = await ask(key.value)
    expect(refused.status).toBe(429)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(await refused.json()).toEqual(errorShape('rate_limited'))
    expect((await ask(other.value)).status).toBe(200)
    expect((await ask(key.value, '/api/v1/files')).status).toBe(200)
    world.clock.advance(20_000)
    expect((await ask(key.value)).status).toBe(200)
  })
})

describe('CORS', () => {
  const ORIGIN = 'https://app.example.org'

  test('is off: no answer speaks of it', async () => {
    await using rest = await startRest()
    const { headers } = await rest.call('/api/openapi.json', { headers: { origin: ORIGIN } })
    expect(headers.get('access-control-allow-origin')).toBeNull()
  })

  test('lets the pages of named origins in, without cookies, and no others', async () => {
    await using world = await startWorld()
    await using door = await startDoor(world, { corsOrigins: [ORIGIN] })
    const preflight = await door.call('/api/v1/keys', {
      method: 'OPTIONS',
      headers: {
        origin: ORIGIN,
        'access-control-request-method': 'PATCH',
        'access-control-request-headers': 'authorization,if-match',
      },
    })
    expect(preflight.status).toBe(204)
    expect(preflight.headers.get('access-control-allow-origin')).toBe(ORIGIN)
    expect(preflight.headers.get('access-control-allow-headers')).toBe('authorization,if-match')
    expect(preflight.headers.get('access-control-allow-credentials')).toBeNull()
    const refused = await door.call('/api/v1/keys', { headers: { origin: ORIGIN } })
    expect(refused.status).toBe(401)
    expect(refused.headers.get('access-control-allow-origin')).toBe(ORIGIN)
    const other = await door.call('/api/openapi.json', { headers: { origin: 'https://evil.example' } })
    expect(other.headers.get('access-control-allow-origin')).toBeNull()
    expect(other.headers.get('vary')).toContain('Origin')
  })
})

describe('/api/docs', () => {
  test('needs nothing from elsewhere and no script, and its own style is all that its policy lets in', async () => {
    await using rest = await startRest()
    const { status, headers, text } = await rest.call('/api/docs')
    expect(status).toBe(200)
    const policy = headers.get('content-security-policy') ?? ''
    expect(policy).toContain("default-src 'none'")
    expect(policy).not.toContain('unsafe')
    const style = /<style>([\s\S]*)<\/style>/.exec(text)?.[1] ?? ''
    expect(policy).toContain(`'sha256-${createHash('sha256').update(style).digest('base64')}'`)
    expect(text).not.toMatch(/<script|javascript:|\sstyle=|(src|href)="(https?:)?\/\//i)
    for (const words of ['POST /api/v1/keys', 'PUT /api/v1/files/{path}', 'PATCH /api/v1/uploads/{id}']) {
      expect(text).toContain(`<code>${words}</code>`)
    }
  })
})
