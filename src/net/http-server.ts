import { randomUUID } from 'node:crypto'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Server as TlsServer } from 'node:https'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { requestBody } from './body.ts'
import type { Certificates } from './certificates.ts'
import { answerBadRequest, linger } from './closing.ts'
import { createListener, type HttpListener } from './http-listen.ts'

/** One request and its answer, as a door's handler gets it. */
export type Exchange = {
  /** Unique; sent as `X-Request-Id` and logged, so that the two can be found together. */
  readonly id: string
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /**
   * The request's body, once. A client that waits with `Expect: 100-continue` is told to go on when the first
   * chunk is asked for, so refuse before that. Ends with an error when the client goes away. Leaving it unread
   * is safe: the connection drains what is small and closes otherwise.
   */
  readonly body: AsyncIterable<Uint8Array>
}

/** Answers one request; must have ended the response when it resolves. What it throws is answered 500. */
export type HttpHandler = (exchange: Exchange) => Promise<void>

/** The shape of pino; see DoorLog. */
export type HttpLog = {
  debug(fields: object, message: string): void
  error(fields: object, message: string): void
}

export type HttpServerOptions = {
  readonly address: string
  /** 0 takes a free one. */
  readonly port: number
  readonly log: HttpLog
  /** HTTPS with these certificates, which may be replaced while it runs. */
  readonly tls?: Pick<Certificates, 'serverOptions' | 'onReload'> | undefined
  /** Milliseconds without a byte either way while the client is waited for; default 120,000. */
  readonly idleTimeout?: number
  /** Default 30,000. */
  readonly headersTimeout?: number
  /** Default 4,096. */
  readonly maxConnections?: number
  /** Takes expectations other than 100-continue as not said; default: they are answered 417 (RFC 9110 §10.1.1). */
  readonly ignoreExpectations?: boolean | undefined
  /** Answers what is not HTTP, or came too slowly, in the door's own form; `answering`: part of an answer is out. */
  readonly refuse?: ((error: Error, socket: Duplex, answering: boolean) => void) | undefined
}

export type RunningHttpServer = {
  readonly port: number
  /** Stops accepting, lets running requests finish, and destroys what is left when `deadline` aborts. */
  stop(deadline: AbortSignal): Promise<void>
}

/** More than this many requests sent ahead on one connection are an attack, not pipelining. */
const MAX_PIPELINED = 64
/** An unread body up to this size is read to its end to keep the connection; a longer one closes it. */
const DRAIN_BYTES = 64 * 1024

type Connection = {
  /** Requests of this connection that wait or run. */
  pending: number
  /** Settles when the last of them is done: requests of one connection run one after the other. */
  tail: Promise<void>
  current: Exchange | null
}

type State = {
  readonly handler: HttpHandler
  readonly log: HttpLog
  readonly connections: Map<Duplex, Connection>
  stopping: boolean
}

/** Starts a `node:http` server on which nothing a socket sends can end the process. Rejects with EADDRINUSE. */
export async function startHttpServer(
  handler: HttpHandler,
  options: HttpServerOptions,
): Promise<RunningHttpServer> {
  const state: State = { handler, log: options.log, connections: new Map(), stopping: false }
  const idle = options.idleTimeout ?? 120_000
  const settings = {
    requestTimeout: 0,
    headersTimeout: options.headersTimeout ?? 30_000,
    connectionsCheckingInterval: Math.min(5_000, options.headersTimeout ?? 5_000),
    keepAliveTimeout: 75_000,
    maxHeaderSize: 64 * 1024,
  }
  const listener = createListener(settings, options.tls, options.log)
  const { server } = listener
  server.maxConnections = options.maxConnections ?? 4_096
  server.timeout = idle
  server.on(listener.connected, (socket) => track(state, socket))
  server.on('request', (request, response) => accept(state, request, response, false))
  server.on('checkContinue', (request, response) => accept(state, request, response, true))
  server.on('checkExpectation', (request, response) => {
    if (options.ignoreExpectations) return accept(state, request, response, false)
    response.shouldKeepAlive = false
    response.writeHead(417, { 'content-length': 0 }).end()
  })
  server.on('timeout', (socket) => onIdle(state, socket, idle))
  server.on('clientError', (error, socket) => {
    const current = state.connections.get(socket)?.current
    const refuse = options.refuse ?? answerBadRequest
    refuse(error, socket, current?.response.headersSent ?? false)
  })
  await listen(server, options)
  const bound = server.address()
  const port = typeof bound === 'object' && bound !== null ? bound.port : options.port
  return { port, stop: (deadline) => stop(state, listener, deadline) }
}

function listen(server: Server | TlsServer, { address, port, log }: HttpServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, address, () => {
      server.off('error', reject)
      // Accepting fails while there are no descriptors left; without a listener that would end the process.
      server.on('error', (error) => log.error({ err: error }, 'connection could not be accepted'))
      resolve()
    })
  })
}

function track(state: State, socket: Socket): void {
  state.connections.set(socket, { pending: 0, tail: Promise.resolve(), current: null })
  // node calls this once the last answer of a connection is out; its own version resets the connection when
  // the client still sends, and the client then loses the answer.
  socket.destroySoon = () => linger(socket)
  socket.once('close', () => state.connections.delete(socket))
}

function accept(state: State, request: IncomingMessage, response: ServerResponse, expects: boolean): void {
  const connection = state.connections.get(request.socket)
  if (connection === undefined || request.socket.writableEnded || connection.pending >= MAX_PIPELINED) {
    request.socket.destroy()
    return
  }
  request.on('error', ignore)
  response.on('error', ignore)
  const exchange = {
    id: randomUUID(),
    request,
    response,
    body: requestBody(request, expects ? response : null),
  }
  closeUnlessRead(exchange, expects)
  const first = connection.pending === 0
  connection.pending += 1
  connection.tail = first
    ? run(state, connection, exchange)
    : connection.tail.then(() => run(state, connection, exchange))
}

/**
 * An answer that leaves before a long body was read says `Connection: close`; the same answer after it keeps
 * the connection. Without that, unread bytes would be taken for the next request.
 */
function closeUnlessRead({ request, response }: Exchange, expects: boolean): void {
  const length = Number(request.headers['content-length'] ?? 0)
  const chunked = request.headers['transfer-encoding'] !== undefined
  if (!expects && !chunked && length <= DRAIN_BYTES) return
  const keep = response.shouldKeepAlive
  response.shouldKeepAlive = false
  request.once('end', () => {
    response.shouldKeepAlive = keep
  })
}

async function run(state: State, connection: Connection, exchange: Exchange): Promise<void> {
  const { response, request } = exchange
  connection.current = exchange
  if (state.stopping) response.shouldKeepAlive = false
  response.setHeader('X-Request-Id', exchange.id)
  try {
    await state.handler(exchange)
    if (!response.writableEnded && !request.socket.destroyed) throw new Error('handler left no answer')
  } catch (error) {
    fail(state, exchange, error)
  } finally {
    // What the handler left of the body: read and thrown away, or `linger` ends the connection.
    if (!request.complete) request.resume()
    connection.current = null
    connection.pending -= 1
    if (state.stopping) closeWhenSent(exchange)
  }
}

function fail(state: State, { id, request, response }: Exchange, error: unknown): void {
  // node destroys a request that was read to its end, too.
  const gone = request.socket.destroyed || (request.destroyed && !request.complete)
  if (gone) state.log.debug({ id, err: error }, 'client went away')
  else state.log.error({ id, err: error, method: request.method }, 'request failed')
  if (gone || response.headersSent) {
    // The answer is cut: that must be seen as such, never as a short but whole one.
    request.socket.destroy()
    return
  }
  const text = `internal error, request ${id}\n`
  for (const name of response.getHeaderNames()) response.removeHeader(name)
  response.writeHead(500, {
    'X-Request-Id': id,
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
  })
  response.end(text)
}

function onIdle(state: State, socket: Socket, idle: number): void {
  const current = state.connections.get(socket)?.current
  // A handler that works by itself (copying a tree, syncing to disk) moves no bytes and is not the client's fault.
  if (current && !waitsForClient(current)) socket.setTimeout(idle)
  else socket.destroy()
}

function waitsForClient({ request, response }: Exchange): boolean {
  return response.writableLength > 0 || (request.readableDidRead && !request.complete)
}

async function stop(state: State, listener: HttpListener, deadline: AbortSignal): Promise<void> {
  const { server } = listener
  state.stopping = true
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  const destroyAll = () => {
    for (const socket of state.connections.keys()) socket.destroy()
  }
  deadline.addEventListener('abort', destroyAll, { once: true })
  listener.dropHandshakes()
  for (const [socket, { current }] of state.connections) {
    if (current === null) socket.end(() => socket.destroy())
    else if (!current.response.headersSent) current.response.shouldKeepAlive = false
  }
  const running = [...state.connections.values()].map(({ tail }) => tail)
  if (deadline.aborted) destroyAll()
  await Promise.all([closed, ...running])
  deadline.removeEventListener('abort', destroyAll)
}

/** For an answer whose head already promised to keep the connection. */
function closeWhenSent({ response, request }: Exchange): void {
  if (response.writableFinished) request.socket.destroySoon()
  else response.once('finish', () => request.socket.destroySoon())
}

function ignore(): void {}
