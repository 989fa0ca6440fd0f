import { argon2Sync } from 'node:crypto'
import { request as httpRequest } from 'node:http'
import type { Actor } from '#identity/actor.ts'
import { addUser } from '#identity/users.ts'
import { openConsole } from '#protocols/console/door.ts'
import type { DoorLog } from '#protocols/protocol.ts'
import { startRestDoor } from '#protocols/rest/door.ts'
import { startWorld, type World } from '#test/world.ts'

export const PASSWORD = 'correct horse battery'
export const OPERATOR: Actor = { kind: 'command_line' }

export type Answer = {
  readonly status: number
  readonly location: string
  readonly cookies: readonly string[]
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

type Request = {
  readonly method?: string
  readonly body?: string | Buffer
  readonly headers?: Readonly<Record<string, string>>
}

/** A browser without scripts: it keeps cookies, and knows the token of the last page. */
export type Browser = {
  readonly cookies: Map<string, string>
  csrf: string
  send(path: string, request?: Request): Promise<Answer>
  get(path: string): Promise<Answer>
  /** A form as a page of ours sends it. */
  post(path: string, fields?: Readonly<Record<string, string | readonly string[]>>): Promise<Answer>
  login(name: string, password?: string): Promise<Answer>
}

/** A world with its console. */
export type Console = AsyncDisposable & {
  readonly world: World
  readonly port: number
  readonly origin: string
  /** `address`: as a trusted proxy tells it; default the machine's own. */
  browser(address?: string): Browser
  /** Makes a user with the password, and a browser in which they are logged in. */
  person(name: string, role?: 'administrator' | 'member', siteId?: string): Promise<Browser>
  addPerson(name: string, role?: 'administrator' | 'member', siteId?: string): Promise<string>
}

export async function startConsole(
  options: { readonly trustedProxies?: readonly string[]; readonly siteId?: string | null } = {},
): Promise<Console> {
  const world = await startWorld()
  const { siteId = null, trustedProxies } = options
  const log = logTo(world)
  const { gate, identity } = world
  const annex = openConsole({
    gate,
    people: world.core.gate.people,
    identity,
    log,
    siteId,
    trustedProxies,
    lines: ({ key, host }) => [
      { client: 'curl', door: 'webdav', about: 'About.', text: `curl -u ${key.login}:${key.value} ${host}` },
    ],
  })
  const listener = { address: '127.0.0.1', port: 0, siteId }
  const door = await startRestDoor(gate, { listener, log, identity, annexes: [annex] })
  const origin = `http://127.0.0.1:${door.port}`

  async function addPerson(name: string, role: 'administrator' | 'member' = 'member', site = world.site.id) {
    const { id } = await addUser(identity, OPERATOR, site, { name, role })
    const entry = { action: 'user.update', outcome: 'ok', reason: '', subject: 'password' } as const
    const nobody = { userId: null, userName: null, keyId: null, keyName: null, door: null, address: null }
    const audit = { at: world.clock.now(), siteId: site, ...entry, ...nobody }
    await identity.store.setPassword(site, id, HASH, audit)
    await identity.changed?.()
    return id
  }

  return {
    world,
    port: door.port,
    origin,
    browser: (address) => newBrowser(door.port, origin, address),
    addPerson,
    async person(name, role, site) {
      await addPerson(name, role, site)
      const browser = newBrowser(door.port, origin)
      await browser.login(name)
      return browser
    },
    async [Symbol.asyncDispose]() {
      await door.stop(AbortSignal.abort())
      await world[Symbol.asyncDispose]()
    },
  }
}

// Argon2id is slow on purpose; a hash says its cost itself, and this one costs next to nothing.
const HASH = cheapHash(PASSWORD)

function cheapHash(message: string): string {
  const nonce = Buffer.alloc(16, 7)
  const tag = argon2Sync('argon2id', { message, nonce, parallelism: 1, tagLength: 32, memory: 8, passes: 1 })
  const text = (bytes: Buffer) => bytes.toString('base64').replace(/=+$/, '')
  return `$argon2id$v=19$m=8,t=1,p=1$${text(nonce)}$${text(tag)}`
}

function logTo({ logs }: World): DoorLog {
  const at = (level: string) => (fields: object, message: string) =>
    void logs.push({ level, message, fields })
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

function newBrowser(port: number, origin: string, address?: string): Browser {
  const cookies = new Map<string, string>()
  const browser: Browser = {
    cookies,
    csrf: '',
    async send(path, { method = 'GET', body, headers = {} } = {}) {
      const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
      const answer = await call(port, path, {
        method,
        ...(body !== undefined && { body }),
        headers: {
          ...(cookie !== '' && { cookie }),
          ...(address !== undefined && { 'x-forwarded-for': address }),
          ...headers,
        },
      })
      for (const line of answer.cookies) {
        const [name = '', value = ''] = (line.split(';')[0] ?? '').split('=')
        if (value === '') cookies.delete(name)
        else cookies.set(name, value)
      }
      browser.csrf = /name="csrf" value="([^"]+)"/.exec(answer.text)?.[1] ?? browser.csrf
      return answer
    },
    get: (path) => browser.send(path),
    post(path, fields = {}) {
      const form = new URLSearchParams({ csrf: browser.csrf })
      for (const [name, value] of Object.entries(fields)) {
        for (const one of [value].flat()) form.append(name, one)
      }
      const headers = { origin, 'content-type': 'application/x-www-form-urlencoded' }
      return browser.send(path, { method: 'POST', body: form.toString(), headers })
    },
    async login(name, password = PASSWORD) {
      const answer = await browser.post('/console/login', { name, password })
      if (answer.location === '/console') await browser.get('/console/account')
      return answer
    },
  }
  return browser
}

function call(port: number, path: string, { method, body, headers }: Request): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
    const request = httpRequest(
      {
        host: '127.0.0.1',
        port,
        path,
        method: method ?? 'GET',
        agent: false,
        headers: { ...headers, ...length },
      },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            location: response.headers.location ?? '',
            cookies: response.headers['set-cookie'] ?? [],
            headers: response.headers,
            text: Buffer.concat(chunks).toString(),
          }),
        )
      },
    )
    request.on('error', reject)
    request.end(body)
  })
}
