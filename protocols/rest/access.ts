import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Gate, Session } from '#credentials/gate.ts'
import type { Proof } from '#credentials/proof.ts'
import { Fault } from '#faults'
import type { Actor } from '#identity/actor.ts'
import { clientAddress, type TrustedProxies } from '#net/proxy.ts'
import type { Listener } from '#protocols/protocol.ts'
import { type Presented, presentedKey } from './presented.ts'

const MAX_CLIENT_LENGTH = 200

const sessions = new WeakMap<FastifyRequest, Session>()
const aims = new WeakMap<FastifyRequest, string>()

/** Where requests come in. */
export type Entrance = {
  readonly gate: Gate
  readonly listener: Listener
  readonly proxies: TrustedProxies
}

/**
 * Logs the request in; its session lives until the answer is out. Runs before a body is read.
 * Faults: unauthenticated, invalid, rate_limited, unavailable.
 */
export async function enter(
  { gate, listener, proxies }: Entrance,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const presented = presentedKey(request.raw.headersDistinct)
  if (presented.kind === 'several') throw new Fault('invalid', 'two different keys were presented')
  const connection = {
    door: 'rest',
    address: clientAddress(request.raw, proxies),
    client: (request.headers['user-agent'] ?? '').slice(0, MAX_CLIENT_LENGTH),
  } as const
  const siteId = listener.siteId ?? (await gate.siteOfHost(request.hostname))
  const result = await gate.login({
    ...connection,
    siteId,
    proof: proofOf(presented),
  })
  if (!result.ok) throw refusal(presented, result.retryAfter)
  const session = gate.open(result.principal, connection)
  sessions.set(request, session)
  // 'close' comes after the answer as well as when the client went away.
  reply.raw.once('close', () => session[Symbol.dispose]())
}

/** Refuses a request whose key was revoked while its body came in. */
export function refuseRevoked(request: FastifyRequest): void {
  // A request that revokes its own key is answered all the same: nothing runs on after the answer.
  if (sessionOf(request).signal.aborted) throw new Fault('unauthenticated', 'the key was refused')
}

/** The session of a request that `enter` let in. */
export function sessionOf(request: FastifyRequest): Session {
  const session = sessions.get(request)
  if (session === undefined) throw new Error('the request never entered')
  return session
}

/** Makes a request be about another site than the caller's own. Whether it may be, the use cases decide. */
export function aimAt(request: FastifyRequest, siteId: string): void {
  aims.set(request, siteId)
}

/** Who asks, for the use cases; and the site it is about. Fault: unauthenticated for a guest. */
export function actorOf(request: FastifyRequest): { actor: Actor; siteId: string } {
  const { principal, door, address } = sessionOf(request)
  if (principal.kind === 'guest') throw new Fault('unauthenticated', 'a key is needed')
  return {
    actor: { kind: 'principal', principal, door, address },
    siteId: aims.get(request) ?? principal.siteId,
  }
}

function proofOf(presented: Exclude<Presented, { kind: 'several' }>): Proof {
  if (presented.kind === 'value') return { kind: 'bearer', value: presented.value }
  if (presented.kind === 'none') return { kind: 'none' }
  return { kind: 'password', login: presented.login, password: presented.password }
}

function refusal({ kind }: Presented, retryAfter: number | null): Fault {
  const message = kind === 'none' ? 'a key is needed' : 'the key was refused'
  if (retryAfter === null) return new Fault('unauthenticated', message)
  return new Fault('rate_limited', 'too many tries', { retryAfter })
}
