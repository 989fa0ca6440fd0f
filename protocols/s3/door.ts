import type { Gate, Session } from '#credentials/gate.ts'
import { Fault, toFault } from '#faults'
import { cutOn } from '#net/closing.ts'
import { type Exchange, startHttpServer } from '#net/http-server.ts'
import { clientAddress, type TrustedProxies, trustedProxies } from '#net/proxy.ts'
import type { Door, DoorOptions } from '../protocol.ts'
import { answerFault, HOST_ID, nameFault } from './answer-fault.ts'
import type { Call } from './call.ts'
import { S3Fault } from './errors.ts'
import { createImplicitFolders, type ImplicitFolders } from './folders.ts'
import { readRequest, type S3Request, siteHost } from './request.ts'
import { operationOf } from './routes.ts'
import { readSignature, type SignedRequest } from './sigv4.ts'

export type S3DoorOptions = DoorOptions & {
  /** What `?location` answers; a signature may name any region. */
  readonly region: string
  /** Host names whose subdomains are buckets (virtual-host style); default `localhost`. */
  readonly domains?: readonly string[]
  /** Milliseconds since the epoch; signatures are 15 minutes exact. */
  readonly now?: () => number
}

type State = {
  readonly gate: Gate
  readonly options: S3DoorOptions
  readonly domains: readonly string[]
  readonly now: () => number
  readonly proxies: TrustedProxies
  readonly folders: ImplicitFolders
}

/** Starts the S3 door: SigV4, path and virtual-host style, buckets are the top-level folders. */
export const startS3Door: Door<S3DoorOptions> = (gate, options) => {
  const { listener, log } = options
  const state: State = {
    gate,
    options,
    domains: (options.domains ?? ['localhost']).map((domain) => domain.toLowerCase()),
    now: options.now ?? Date.now,
    proxies: trustedProxies(options.trustedProxies),
    folders: createImplicitFolders(),
  }
  return startHttpServer((exchange) => handle(state, exchange), {
    address: listener.address,
    port: listener.port,
    log,
  })
}

async function handle(state: State, exchange: Exchange): Promise<void> {
  const { response } = exchange
  response.setHeader('x-amz-request-id', exchange.id)
  response.setHeader('x-amz-id-2', HOST_ID)
  response.setHeader('Server', 'Latchkey')
  try {
    const request = readRequest(exchange.request, state.domains)
    const signed = readSignature(request, state.now())
    using session = await enter(state, exchange, request, signed)
    await serve(state, exchange, { request, signed, session })
  } catch (error) {
    const fault = toFault(error)
    if (fault.code === 'internal')
      state.options.log.error({ id: exchange.id, err: error }, 's3: request failed')
    answerFault(exchange, fault)
  }
}

/** Who is there? Fault AccessDenied when nothing was presented, SignatureDoesNotMatch for every other cause. */
async function enter(
  { gate, options, domains, proxies }: State,
  exchange: Exchange,
  request: S3Request,
  signed: SignedRequest | null,
): Promise<Session> {
  const address = clientAddress(exchange.request, proxies)
  const client = (request.headers.get('user-agent') ?? '').slice(0, 200)
  const siteId = options.listener.siteId ?? (await gate.siteOfHost(siteHost(request, domains)))
  const proof = signed?.proof ?? { kind: 'none' as const }
  const result = await gate.login({ door: 's3', proof, address, siteId, client })
  if (result.ok) return gate.open(result.principal, { door: 's3', address, client })
  if (result.retryAfter !== null) throw new Fault('rate_limited', '', { retryAfter: result.retryAfter })
  throw new S3Fault(signed === null ? 'AccessDenied' : 'SignatureDoesNotMatch')
}

async function serve(
  { options, folders }: State,
  exchange: Exchange,
  known: Pick<Call, 'request' | 'signed' | 'session'>,
): Promise<void> {
  const { session } = known
  const { response } = exchange
  const ended = new AbortController()
  const end = () => ended.abort(session.signal.reason ?? new Error('client went away'))
  response.once('close', end)
  session.signal.addEventListener('abort', end, { once: true })
  if (session.signal.aborted) end()
  using _cut = cutOn(session.signal, exchange.request.socket)
  const { log, region } = options
  const call: Call = { ...known, exchange, folders, region, log, signal: ended.signal }
  try {
    await operationOf(known.request)(call)
    await sent(exchange)
  } catch (error) {
    answerFault(exchange, ended.signal.aborted ? toFault(error) : await nameFault(call, error))
  } finally {
    session.signal.removeEventListener('abort', end)
    response.off('close', end)
  }
}

/** The session lives until the last byte was handed over, so that revocation cuts a slow reader too. */
function sent({ response }: Exchange): Promise<void> {
  if (response.writableFinished || response.destroyed) return Promise.resolve()
  return new Promise((resolve) => {
    response.once('finish', resolve)
    response.once('close', resolve)
  })
}
