import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { errorShape, type Rest, startRest } from './client.ts'

let rest: Rest
beforeAll(async () => {
  rest = await startRest()
})
afterAll(() => rest[Symbol.asyncDispose]())

/** Sends bytes and returns all that comes until the server closes. */
function raw(port: number, text: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(text))
    socket.setEncoding('latin1')
    socket.on('data', (chunk) => {
      answer += chunk
    })
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(answer))
  })
}

describe('health', () => {
  test.each(['/health/live', '/health/ready'])('%s answers without a key', async (path) => {
    expect(await rest.call(path)).toMatchObject({ status: 200, json: { status: 'ok' } })
  })

  test('ready turns 503 when the records cannot be read, live does not', async () => {
    await using own = await startRest()
    await own.world.folder.records[Symbol.asyncDispose]()
    expect(await own.call('/health/ready')).toMatchObject({ status: 503, json: errorShape('unavailable') })
    expect((await own.call('/health/live')).status).toBe(200)
  })
})

describe('one error shape', () => {
  test.each([
    ['GET', '/'],
    ['GET', '/api/v1/nothing'],
    ['PUT', '/api/v1/keys'],
    ['GET', '/api/v1/keys/a/b/c'],
    ['GET', '/..%2f..%2fetc/passwd'],
  ])('%s %s: 404', async (method, path) => {
    expect(await rest.call(path, { method })).toMatchObject({ status: 404, json: errorShape('not_found') })
  })

  test('an address that cannot be decoded: 400', async () => {
    const answer = await rest.call('/api/%zz')
    expect(answer).toMatchObject({ status: 400, json: errorShape('invalid') })
    expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
  })

  test('what nobody foresaw shows nothing but a request id, under which the log has it', async () => {
    await using own = await startRest()
    const key = await own.world.issue()
    const answer = async () => own.call('/api/v1/keys', { key: key.value })
    expect((await answer()).status).toBe(200)
    Object.assign(own.world.identity.store, {
      keys: () => Promise.reject(new Error('no such table: secret_things')),
    })
    const { status, json, text, headers } = await answer()
    expect({ status, json }).toEqual({ status: 500, json: errorShape('internal', []) })
    expect(text).not.toContain('secret_things')
    const line = own.world.logs.find(({ level }) => level === 'error')
    expect(line?.fields).toMatchObject({
      requestId: headers.get('x-request-id'),
      err: { message: 'no such table: secret_things' },
    })
  })
})

describe('bad input on the port', () => {
  test.each([
    ['what is not HTTP', 'GARBAGE\r\n\r\n', '400'],
    ['bytes of TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', '400'],
    ['no Host', 'GET /health/live HTTP/1.1\r\n\r\n', '400'],
    ['headers without end', `GET / HTTP/1.1\r\nHost: x\r\nA: ${'x'.repeat(100_000)}`, '431'],
    ['two lengths', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab', '400'],
    [
      'a length beside chunks',
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      '400',
    ],
  ])('%s is answered and closed', async (_, bytes, status) => {
    expect(await raw(rest.port, bytes)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    expect((await rest.call('/health/live')).status).toBe(200)
  })

  test('connections that break off leave the others alone', async () => {
    const sockets = await Promise.all(
      Array.from(
        { length: 20 },
        () =>
          new Promise<Socket>((resolve) => {
            const socket = connect(rest.port, '127.0.0.1', () => resolve(socket))
          }),
      ),
    )
    for (const socket of sockets) {
      socket.on('error', () => undefined)
      socket.write('POST /api/v1/keys HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"na')
      socket.resetAndDestroy()
    }
    expect((await rest.call('/health/live')).status).toBe(200)
  })
})

describe('the door', () => {
  test('a port that is taken rejects with EADDRINUSE', async () => {
    const { startRestDoor } = await import('#protocols/rest/door.ts')
    const { gate, identity } = rest.world
    const log = { debug() {}, info() {}, warn() {}, error() {} }
    const listener = { address: '127.0.0.1', port: rest.port, siteId: null }
    await expect(startRestDoor(gate, { listener, log, identity })).rejects.toMatchObject({
      code: 'EADDRINUSE',
    })
  })

  test('stops although clients hold connections open', async () => {
    await using own = await startRest()
    const door = await own.world.start('rest')
    const closed = raw(door.port, 'GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n')
    const stuck = raw(door.port, 'POST /api/v1/keys HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n')
    await expect
      .poll(() => fetch(`http://127.0.0.1:${door.port}/health/live`).then(({ ok }) => ok))
      .toBe(true)
    await door.stop(AbortSignal.timeout(200))
    expect(await closed).toContain('{"status":"ok"}')
    await stuck
    await expect(fetch(`http://127.0.0.1:${door.port}/health/live`)).rejects.toThrow('fetch failed')
  })

  test('describes itself as OpenAPI 3.1, each administrative address with its keys', async () => {
    const { status, json } = await rest.call('/api/openapi.json')
    expect(status).toBe(200)
    const api = json as {
      openapi: string
      paths: Record<string, Record<string, { security?: unknown[]; responses: object }>>
    }
    expect(api.openapi).toBe('3.1.0')
    const known = ['/api/test/api-key', '/api/public/guest-config', '/health/live', '/health/ready']
    const ofKeys = ['', '/{id}', '/{id}/disable', '/{id}/enable', '/{id}/rotate']
    const all = [...known, ...ofKeys.map((path) => `/api/v1/keys${path}`)]
    expect(Object.keys(api.paths)).toEqual(expect.arrayContaining(all))
    for (const [path, verbs] of Object.entries(api.paths)) {
      for (const verb of Object.values(verbs)) {
        const isOpen = path.startsWith('/health/') || path.startsWith('/api/public/')
        expect(verb.security ?? [], path).toHaveLength(isOpen ? 0 : 5)
        expect(Object.keys(verb.responses).some((code) => /^20\d$/.test(code))).toBe(true)
      }
    }
  })
})
