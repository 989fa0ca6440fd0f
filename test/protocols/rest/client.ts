import { expect } from 'vitest'
import { startWorld, type World } from '#test/world.ts'

export type Answer = {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** The JSON of the answer, or undefined for other types. */
  readonly json: unknown
}

type Request = { method?: string; key?: string; body?: unknown; headers?: Record<string, string> }

/** A world with its REST door, and a client for it. */
export type Rest = AsyncDisposable & {
  readonly world: World
  readonly port: number
  call(path: string, request?: Request): Promise<Answer>
}

export async function startRest(siteId: string | null = null): Promise<Rest> {
  const world = await startWorld()
  const { port } = await world.start('rest', { siteId })
  return {
    world,
    port,
    call: (path, request) => call(port, path, request),
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  }
}

async function call(
  port: number,
  path: string,
  { method, key, body, headers }: Request = {},
): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    redirect: 'manual',
    headers: {
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      ...(body === undefined || typeof body === 'string' ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const text = await response.text()
  const isJson = response.headers.get('content-type')?.startsWith('application/json') === true
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: isJson && text !== '' ? JSON.parse(text) : undefined,
  }
}

/** The one error shape, with this code. */
export function errorShape(code: string, details: unknown = expect.any(Array)) {
  return {
    error: {
      code,
      message: expect.any(String),
      details,
      request_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    },
  }
}
