import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Gate, Session } from '#credentials/gate.ts'
import { Fault } from '#faults'
import type { Actor } from '#identity/actor.ts'
import type { Listener } from '#protocols/protocol.ts'
import { presentedKey } from './presented.ts'

const MAX_CLIENT_LENGTH = 200

const sessions = new WeakMap<FastifyRequest, Session>()

/**
 * Logs the request in; its session lives until the answer is out. Runs before a body is read.
 * Faults: unauthenticated, invalid, rate_limited, unavailable.
 */
export async function enter(
  gate: Gate,
  listener: Listener,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const presented = presentedKey(request.raw.headersDistinct)
  if (presented.kind === 'several') throw new Fault('invalid', 'two different keys were presented')
  if (presented.kind === 'none') throw new Fault('unauthenticated', 'a key is needed')
  const connection = {
    door: 'rest',
    address: request.socket.remoteAddress ?? '',
    client: (request.headers['user-agent'] ?? '').slice(0, MAX_CLIENT_LENGTH),
  } as const
  const siteId = listener.siteId ?? (await gate.siteOfHost(request.hostname))
  const result = await gate.login({
    ...connection,
    siteId,
    proof: { kind: 'bearer', value: presented.value },
  })
  if (!result.ok) throw refusal(result.retryAfter)
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

/** Who asks, for the use cases; and the site it is about: the key's own. */
export function actorOf(request: FastifyRequest): { actor: Actor; siteId: string } {
  const { principal, door, address } = sessionOf(request)
  return { actor: { kind: 'principal', principal, door, address }, siteId: principal.siteId }
}

function refusal(retryAfter: number | null): Fault {
  if (retryAfter === null) return new Fault('unauthenticated', 'the key was refused')
  return new Fault('rate_limited', 'too many tries', { retryAfter })
}
