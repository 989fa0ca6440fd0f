import { type IncomingHttpHeaders, request } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { childElements, parseXml, textOf, type XmlElement } from '#net/xml.ts'
import { startWorld, type World, type WorldKey } from '#test/world.ts'

export type Answer = { status: number; headers: IncomingHttpHeaders; text: string }
export type Sending = {
  headers?: Record<string, string>
  body?: string | Buffer
  /** `login:password`; null sends none. Default: the client's key. */
  login?: string | null
}
export type Client = {
  (method: string, path: string, sending?: Sending): Promise<Answer>
  readonly port: number
  readonly authorization: string
}

export function basic(login: string): string {
  return `Basic ${Buffer.from(login).toString('base64')}`
}

/** Sends requests with targets as they are: nothing is resolved or escaped on the way. */
export function clientOf(port: number, key: Pick<WorldKey, 'login' | 'value'>): Client {
  const mine = `${key.login}:${key.value}`
  const send = async (method: string, path: string, { headers = {}, body, login = mine }: Sending = {}) => {
    const all = login === null ? headers : { authorization: basic(login), ...headers }
    const { promise, resolve, reject } = Promise.withResolvers<Answer>()
    const sending = request({ port, host: '127.0.0.1', method, path, headers: all, agent: false })
    sending.on('error', reject)
    sending.on('response', (response) => {
      text(response).then(
        (content) => resolve({ status: response.statusCode ?? 0, headers: response.headers, text: content }),
        reject,
      )
    })
    sending.end(body)
    return promise
  }
  return Object.assign(send, { port, authorization: basic(mine) })
}

export type DavWorld = AsyncDisposable & {
  readonly world: World
  readonly dav: Client
  readonly key: WorldKey
  /** The same door with another key. */
  other(): Promise<Client>
}

export async function startDavWorld(): Promise<DavWorld> {
  const world = await startWorld()
  const key = await world.issue()
  const { port } = await world.start('webdav')
  return {
    world,
    key,
    dav: clientOf(port, key),
    other: async () => clientOf(port, await world.issue()),
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  }
}

/** Sends raw text and gives what comes back within `wait` milliseconds or until the server closes. */
export function sendRaw(port: number, content: string | Buffer, wait = 2_000): Promise<string> {
  return new Promise((resolve) => {
    let received = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(content))
    const over = () => {
      socket.destroy()
      resolve(received)
    }
    const timer = setTimeout(over, wait)
    let quiet: NodeJS.Timeout | undefined
    socket.on('data', (chunk) => {
      received += chunk
      clearTimeout(quiet)
      if (received.includes('\r\n\r\n')) quiet = setTimeout(over, 300)
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      clearTimeout(timer)
      over()
    })
  })
}

export type Found = {
  href: string
  props: Map<string, { status: number; text: string; element: XmlElement }>
}

/** Reads a multistatus: its resources with each property's status and text. */
export function readMultistatus(xml: string): Found[] {
  const named = (element: XmlElement, local: string) =>
    childElements(element).filter((child) => child.uri === 'DAV:' && child.local === local)
  return named(parseXml(xml, { maxBytes: 2 ** 24, maxNodes: 10 ** 6 }), 'response').map((response) => {
    const [href] = named(response, 'href')
    const props: Found['props'] = new Map()
    for (const propstat of named(response, 'propstat')) {
      const [status] = named(propstat, 'status')
      for (const element of named(propstat, 'prop').flatMap(childElements)) {
        props.set(element.local, {
          status: Number(/ (\d{3}) /.exec(status ? textOf(status) : '')?.[1]),
          text: textOf(element),
          element,
        })
      }
    }
    return { href: href ? textOf(href) : '', props }
  })
}

/** Waits until it holds; fails after five seconds. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + 5_000
  while (!(await holds())) {
    if (Date.now() > end) throw new Error('did not come true within five seconds')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
