import type { IncomingMessage, ServerResponse } from 'node:http'
import { type TypeBoxTypeProvider, TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox'
import fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type RawServerDefault,
} from 'fastify'
import type { DoorLog } from '#protocols/protocol.ts'
import { exchangeOf } from './exchanges.ts'
import { CHALLENGE } from './faults.ts'
import { type Problem, problem, problemJson, problemOf } from './problem.ts'

export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>

// Answers hold secrets: nothing keeps them, and no link leads on with a one-time address.
const ALWAYS = {
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'no-store',
}
const MAX_BODY_BYTES = 64 * 1024
const BODY_TIMEOUT_MS = 30_000

/** An empty server that answers every mistake in the one error shape. */
export function createApp(log: DoorLog): App {
  const app = fastify({
    logger: false,
    bodyLimit: MAX_BODY_BYTES,
    genReqId: (request) => exchangeOf(request).id,
    requestIdHeader: false,
    exposeHeadRoutes: true,
    frameworkErrors: (error, request, reply) => sendProblem(log, error, request, reply),
  }).withTypeProvider<TypeBoxTypeProvider>()
  app.setValidatorCompiler(TypeBoxValidatorCompiler)
  app.setErrorHandler((error, request, reply) => sendProblem(log, error, request, reply))
  app.setNotFoundHandler((request, reply) => {
    answer(reply, request.id, problem(404, 'not_found', 'there is nothing at this address'))
  })
  app.removeContentTypeParser('text/plain')
  readEmptyJson(app)
  boundBodies(app)
  addHeaders(app, log)
  return app
}

// Many clients name a content type although they send no body.
function readEmptyJson(app: App): void {
  const parse = app.getDefaultJsonParser('error', 'error')
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body.length === 0) done(null, undefined)
    else parse(request, body.toString(), done)
  })
}

/** Routes with this configuration read the request's body themselves. */
export const STREAMS = { streams: true }

/** In this context no body is read before the handler does, of whatever type it is. */
export function leaveBodies(app: App): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, _payload, done) => done(null))
}

// A small body that does not come keeps nothing open for long; one that streams is watched by the server.
function boundBodies(app: App): void {
  app.addHook('preParsing', async (request, reply, payload) => {
    const { config } = request.routeOptions
    if ('streams' in config && config.streams) return payload
    const { raw } = request
    if (raw.headers.expect !== undefined && !reply.raw.headersSent) reply.raw.writeContinue()
    const timer = setTimeout(() => raw.socket.destroy(), BODY_TIMEOUT_MS).unref()
    raw.once('end', () => clearTimeout(timer)).once('close', () => clearTimeout(timer))
    return payload
  })
}

function addHeaders(app: App, log: DoorLog): void {
  app.addHook('onRequest', async (request, reply) => {
    reply.headers({ 'X-Request-Id': request.id, ...ALWAYS })
  })
  app.addHook('onResponse', async (request, reply) => {
    // The route's pattern: an address may hold a one-time link's secret.
    const { method, id: requestId, routeOptions } = request
    const fields = { requestId, method, route: routeOptions.url ?? '', status: reply.statusCode }
    log.debug(fields, 'answered')
  })
}

function sendProblem(log: DoorLog, error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  answer(reply, request.id, logged(log, error, request.id))
}

/** What to answer for an error; one that nobody foresaw is logged under the request's id. */
export function logged(log: DoorLog, error: unknown, requestId: string): Problem {
  const found = problemOf(error)
  if (found.code === 'internal') {
    log.error(
      { requestId, err: error instanceof Error && error.cause ? error.cause : error },
      'request failed',
    )
  }
  return found
}

function answer(reply: FastifyReply, requestId: string, found: Problem): void {
  if (found.status === 401) reply.header('WWW-Authenticate', CHALLENGE)
  if (found.retryAfter !== undefined) reply.header('Retry-After', Math.ceil(found.retryAfter))
  // Past the schemas of success: this shape is the same everywhere.
  reply
    .code(found.status)
    // Some errors come before any hook ran.
    .headers({ 'X-Request-Id': requestId, ...ALWAYS })
    .type('application/json; charset=utf-8')
    .serializer((body: string) => body)
    .send(JSON.stringify(problemJson(found, requestId)))
}
