import type { IncomingMessage } from 'node:http'
import { Fault, toFault } from '#faults'
import type { Annex } from '#net/annex.ts'
import type { Exchange } from '#net/http-server.ts'
import { clientAddress, peerAddress, type TrustedProxies, trustedProxies } from '#net/proxy.ts'
import { readSmallBody } from '#net/receive.ts'
import { enter } from './access.ts'
import { readAssets } from './assets.ts'
import { PAGES } from './faults.ts'
import { HEADERS } from './headers.ts'
import { problemPage } from './layout.ts'
import { findRoute } from './route.ts'
import { ROUTES } from './routes.ts'
import type { Answer, ConsoleDeps, Visit } from './visit.ts'

const PREFIX = '/console'
const MAX_FORM_BYTES = 64 * 1024
const FORM = 'application/x-www-form-urlencoded'

export type ConsoleOptions = Omit<ConsoleDeps, 'proxies' | 'assets'> & {
  /** CIDR ranges of proxies whose word about address and scheme is taken. */
  readonly trustedProxies?: readonly string[] | undefined
}

/** The console: pages for people, at `/console` of the REST listener. */
export function openConsole(options: ConsoleOptions): Annex {
  const deps: ConsoleDeps = {
    ...options,
    proxies: trustedProxies(options.trustedProxies),
    assets: readAssets(),
  }
  return { prefix: PREFIX, handle: (exchange) => answer(deps, exchange) }
}

async function answer(deps: ConsoleDeps, exchange: Exchange): Promise<void> {
  const visit = await arrive(deps, exchange)
  const given = await handle(visit).catch((error: unknown) => refuse(visit, error))
  if (given !== null) send(visit, given)
}

async function handle(visit: Visit): Promise<Answer | null> {
  const { method, path } = visit
  const aimed = /^\/at\/([0-9A-Za-z]{1,40})(\/.*)?$/.exec(path)
  const place = aimed === null ? path : (aimed[2] ?? '/')
  const match = findRoute(ROUTES, method, place)
  if (match === 'path') throw new Fault('not_found', 'there is no page at this address')
  if (match === 'method') throw new Fault('unsupported', 'this page does not take that')
  const { route } = match
  if (method !== 'GET' && method !== 'HEAD') refuseForeign(visit.exchange.request, visit.host)
  const form = method === 'POST' ? await readForm(visit.exchange) : visit.form
  const here = { ...visit, form, params: match.params }
  if (route.rule === 'public') return route.handle(here)
  return enter(here, route, aimed?.[1] ?? null)
}

async function arrive(deps: ConsoleDeps, exchange: Exchange): Promise<Visit> {
  const { request } = exchange
  const url = request.url ?? PREFIX
  const cut = url.indexOf('?')
  const path = (cut === -1 ? url : url.slice(0, cut)).slice(PREFIX.length).replace(/(?<=.)\/$/, '')
  const host = hostOf(request, deps.proxies)
  return {
    deps,
    exchange,
    method: request.method ?? '',
    path: path === '' ? '/' : path,
    query: new URLSearchParams(cut === -1 ? '' : url.slice(cut + 1)),
    form: new URLSearchParams(),
    params: new Map(),
    address: clientAddress(request, deps.proxies),
    client: (request.headers['user-agent'] ?? '').slice(0, 200),
    siteId: deps.siteId ?? (await deps.gate.siteOfHost(host.replace(/:\d*$/, '').replace(/^\[|\]$/g, ''))),
    secure: isSecure(request, deps.proxies),
    host,
    cookies: [],
  }
}

function isSecure(request: IncomingMessage, proxies: TrustedProxies): boolean {
  if ('encrypted' in request.socket && request.socket.encrypted === true) return true
  return proxies.holds(peerAddress(request.socket)) && forwarded(request, 'x-forwarded-proto') === 'https'
}

function hostOf(request: IncomingMessage, proxies: TrustedProxies): string {
  const given = proxies.holds(peerAddress(request.socket)) ? forwarded(request, 'x-forwarded-host') : ''
  const host = (given || request.headers.host) ?? ''
  return /^(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._-]+)(:\d{1,5})?$/.test(host) ? host.toLowerCase() : ''
}

// The last proxy's word: what stands left of it came with the request.
function forwarded({ headers }: IncomingMessage, name: string): string {
  return (
    String(headers[name] ?? '')
      .split(',')
      .at(-1)
      ?.trim()
      .toLowerCase() ?? ''
  )
}

/** Changes come from our own pages only (CSRF); the token of the session is asked for besides. */
function refuseForeign({ headers }: IncomingMessage, host: string): void {
  const site = headers['sec-fetch-site']
  const origin = headers.origin ?? ''
  const from = URL.canParse(origin) ? new URL(origin).host : ''
  const isOwn = host !== '' && from !== '' && from === new URL(`http://${host}`).host
  const sameHost = isOwn || from === host
  if (from !== '' && sameHost && (site === undefined || site === 'same-origin')) return
  throw new Fault('forbidden', 'this came from another page; open the console itself and try again')
}

async function readForm({ request, body }: Exchange): Promise<URLSearchParams> {
  const type = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase()
  if (type !== FORM) throw new Fault('invalid', 'this is not the form of a page')
  return new URLSearchParams((await readSmallBody(body, MAX_FORM_BYTES)).toString())
}

function refuse(visit: Visit, error: unknown): Answer | null {
  const { exchange, deps } = visit
  const fault = toFault(error)
  if (exchange.response.headersSent || exchange.request.socket.destroyed) throw error
  if (fault.code === 'internal') {
    deps.log.error({ requestId: exchange.id, err: fault.cause ?? error }, 'console request failed')
  }
  const { status } = PAGES[fault.code]
  const retry = fault.retryAfter === undefined ? {} : { 'Retry-After': String(Math.ceil(fault.retryAfter)) }
  // Scripts read a sentence, people a page.
  if (visit.method === 'PUT' || visit.exchange.request.headers.accept === 'application/json') {
    const headers = { 'Content-Type': 'application/json; charset=utf-8', ...retry }
    return { status, headers, body: JSON.stringify({ message: sentence(fault, exchange.id) }) }
  }
  const page = problemPage(visit, PAGES[fault.code].title, sentence(fault, exchange.id))
  return { ...page, status, headers: { ...page.headers, ...retry } }
}

function sentence(fault: Fault, id: string): string {
  if (fault.code === 'internal') return `The log has it as request ${id}.`
  const [first = '', ...rest] = fault.message
  return `${first.toUpperCase()}${rest.join('')}${/[.!?]$/.test(fault.message) ? '' : '.'}`
}

function send({ exchange, cookies, method }: Visit, { status, headers, body = '' }: Answer): void {
  const { response } = exchange
  response.writeHead(status, {
    ...HEADERS,
    ...headers,
    ...(cookies.length > 0 && { 'Set-Cookie': cookies }),
    'Content-Length': Buffer.byteLength(body),
  })
  response.end(method === 'HEAD' ? undefined : body)
}
