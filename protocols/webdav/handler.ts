import type { Gate, Session } from '#credentials/gate.ts'
import { Fault } from '#faults'
import { cutOn } from '#net/closing.ts'
import type { Exchange } from '#net/http-server.ts'
import type { TrustedProxies } from '#net/proxy.ts'
import type { VirtualPath } from '#permissions/path.ts'
import type { Principal } from '#permissions/principal.ts'
import { authenticate, callerOf } from './auth.ts'
import type { Method } from './call.ts'
import { copy } from './copy.ts'
import { remove } from './delete.ts'
import { faultReply } from './faults.ts'
import { get } from './get.ts'
import { evaluateIf } from './if-header.ts'
import { lock } from './lock.ts'
import { mkcol } from './mkcol.ts'
import { move } from './move.ts'
import { ALLOW, options } from './options.ts'
import { pathOfTarget } from './path.ts'
import { propfind } from './propfind.ts'
import { proppatch } from './proppatch.ts'
import { put } from './put.ts'
import { type Reply, sendReply, textReply } from './reply.ts'
import { unlock } from './unlock.ts'

const METHODS: ReadonlyMap<string, Method> = new Map([
  ['OPTIONS', options],
  ['PROPFIND', propfind],
  ['PROPPATCH', proppatch],
  ['GET', get],
  ['HEAD', get],
  ['PUT', put],
  ['DELETE', remove],
  ['MKCOL', mkcol],
  ['COPY', copy],
  ['MOVE', move],
  ['LOCK', lock],
  ['UNLOCK', unlock],
])

export type HandlerOptions = {
  readonly siteId: string | null
  readonly proxies: TrustedProxies
  readonly now: () => number
}

/** Answers one request: who is it, what do they want, what came of it. What is no Fault goes to the caller. */
export async function handle(gate: Gate, exchange: Exchange, options: HandlerOptions): Promise<void> {
  const { siteId, proxies, now } = options
  const { request, response } = exchange
  try {
    const caller = callerOf(request, proxies)
    const principal = await authenticate(gate, request, caller, siteId)
    using session = gate.open(principal, { door: 'webdav', ...caller })
    using _cut = cutOn(session.signal, request.socket)
    const reply = await answer(exchange, session, now).catch((error) => {
      throw asGuestSees(error, principal)
    })
    if (reply !== null) sendReply(response, reply)
  } catch (error) {
    if (!(error instanceof Fault) || response.headersSent || error.code === 'internal') throw error
    sendReply(response, faultReply(error))
  }
}

async function answer(exchange: Exchange, session: Session, now: () => number): Promise<Reply | null> {
  const { request } = exchange
  const { headers } = request
  const method = METHODS.get(request.method ?? '')
  if (method === undefined) return textReply(405, 'method is not known here', { Allow: ALLOW })
  const path = pathOfTarget(request.url ?? '')
  try {
    const submitted = await evaluateIf(headerText(headers.if), path, headers.host ?? '', session.files)
    return await method({ exchange, session, path, headers, submitted, now })
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'locked' || exchange.response.headersSent) throw error
    return faultReply(error, await lockAt(session, path))
  }
}

// Clients log in only when they are asked to: a guest who may not is challenged.
function asGuestSees(error: unknown, { kind }: Principal): unknown {
  if (kind !== 'guest' || !(error instanceof Fault) || error.code !== 'forbidden') return error
  return new Fault('unauthenticated', 'log in with a key to do this')
}

function headerText(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(' ') : value
}

/** Where the lock is that the request ran into; its own path when that is out of sight. */
async function lockAt(session: Session, path: VirtualPath): Promise<VirtualPath> {
  const [first] = await session.files.locks.covering(path)
  return first?.path ?? path
}
