import { randomUUID } from 'node:crypto'
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
import { CHALLENGE } from './faults.ts'
import { answerGarbage } from './garbage.ts'
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
const MAX_CONNECTIONS = 4_096
const MAX_BODY_BYTES = 64 * 1024

/** An empty server that answers every mistake in the one error shape. */
export function createApp(log: DoorLog): App {
  const app = fastify({
    logger: false,
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: 30_000,
    connectionTimeout: 60_000,
    keepAliveTimeout: 75_000,
    http: { headersTimeout: 15_000, connectionsCheckingInterval: 5_000 },
    genReqId: () => randomUUID(),
    requestIdHeader: false,
    clientErrorHandler: answerGarbage,
    frameworkErrors: (error, request, reply) => sendProblem(log, error, request, reply),
  }).withTypeProvider<TypeBoxTypeProvider>()
  app.server.maxConnections = MAX_CONNECTIONS
  app.setValidatorCompiler(TypeBoxValidatorCompiler)
  app.setErrorHandler((error, request, reply) => sendProblem(log, error, request, reply))
  app.setNotFoundHandler((request, reply) => {
    answer(reply, request.id, problem(404, 'not_found', 'there is nothing at this address'))
  })
  app.removeContentTypeParser('text/plain')
  readEmptyJson(app)
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
