import { createHash } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Fault } from '#faults'
import { beginAnswer, finishAnswer, releaseAnswer } from '#identity/answers.ts'
import type { IdentityDeps } from '#identity/deps.ts'
import { actorOf, sessionOf } from './access.ts'
import type { App } from './app.ts'

const names = new WeakMap<FastifyRequest, string>()

/**
 * Does a POST with an `Idempotency-Key` once: the same request of the same caller gets the same answer for ten
 * minutes, also the value of a key. See docs/decisions/0013-idempotency.md. Faults: exists, invalid.
 */
export function answerOnce(app: App, identity: IdentityDeps): void {
  app.addHook('preHandler', async (request, reply) => {
    const given = keyOf(request)
    if (given === null) return
    const name = nameOf(request, given)
    const begun = await beginAnswer(identity, name, fingerprintOf(request))
    switch (begun.kind) {
      case 'first':
        names.set(request, name)
        return
      case 'again':
        return repeat(reply, begun)
      case 'running':
        throw new Fault('exists', 'the first request with this Idempotency-Key is still being done')
      case 'other':
        throw new Fault('invalid', 'this Idempotency-Key was used for another request')
      case 'forgotten':
        if (begun.location !== null) reply.header('Location', begun.location)
        throw new Fault('exists', `this was done already${begun.location ? `: ${begun.location}` : ''}`)
    }
  })
  app.addHook('onSend', async (request, reply, payload) => {
    const name = names.get(request)
    if (name === undefined) return
    const status = reply.statusCode
    const location = reply.getHeader('location')
    const body = typeof payload === 'string' ? payload : ''
    const answer = { status, location: typeof location === 'string' ? location : null, body }
    // What was done is done: an answer that cannot be kept is given all the same.
    await (status < 300 ? finishAnswer(identity, name, answer) : releaseAnswer(identity, name)).catch(
      () => {},
    )
  })
}

function keyOf(request: FastifyRequest): string | null {
  const { method, headers, routeOptions } = request
  const given = headers['idempotency-key']
  if (method !== 'POST' || given === undefined || 'streams' in routeOptions.config) return null
  // Guests cannot be told apart: one would get the answer of another.
  if (sessionOf(request).principal.kind === 'guest') return null
  if (typeof given === 'string' && /^[\x21-\x7e]{1,255}$/.test(given)) return given
  throw new Fault('invalid', 'an Idempotency-Key has 1 to 255 visible ASCII characters')
}

function nameOf(request: FastifyRequest, given: string): string {
  const { actor } = actorOf(request)
  const principal = actor.kind === 'principal' ? actor.principal : null
  const who = principal?.key?.id ?? `user ${principal?.user?.id}`
  return createHash('sha256')
    .update(JSON.stringify([principal?.siteId, who, given]))
    .digest('hex')
}

// Who may do less than before does not get an answer again that they could not get anew.
function fingerprintOf(request: FastifyRequest): string {
  const { kind, role, scopes, basePath, storages, conditions } = sessionOf(request).principal
  const may = [kind, role, scopes, basePath, storages, conditions]
  const { siteId } = actorOf(request)
  const all = [request.method, request.url, siteId, request.body ?? null, may]
  return createHash('sha256').update(JSON.stringify(all)).digest('hex')
}

function repeat(
  reply: FastifyReply,
  { status, location, body }: { status: number; location: string | null; body: string },
): FastifyReply {
  if (location !== null) reply.header('Location', location)
  if (body !== '') reply.type('application/json; charset=utf-8')
  return reply
    .code(status)
    .header('Idempotency-Replayed', 'true')
    .serializer((text: string) => text)
    .send(body)
}
