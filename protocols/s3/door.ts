import type { Attempt, Gate, Session } from '#credentials/gate.ts'
import type { Neighbours } from '#credentials/ports.ts'
import { Fault, toFault } from '#faults'
import { cutOn } from '#net/closing.ts'
import { type Exchange, startHttpServer } from '#net/http-server.ts'
import { clientAddress, forwardedHost, type TrustedProxies, trustedProxies } from '#net/proxy.ts'
import type { Door, DoorOptions, RunningDoor } from '../protocol.ts'
import { answerFault, HOST_ID, nameFault } from './answer-fault.ts'
import type { Call } from './call.ts'
import { endOf } from './end.ts'
import { S3Fault } from './errors.ts'
import { checkOwner } from './expected-owner.ts'
import { createImplicitFolders, type ImplicitFolders } from './folders.ts'
import { formBoundary, isFormPost, type PostForm, readForm } from './form.ts'
import { createHashPool, type HashPool } from './hash-pool.ts'
import { postObject } from './operations/post-object.ts'
import { readFormSignature } from './post-signature.ts'
import { refusePreflight } from './preflight.ts'
import { readRequest, type S3Request, siteHost } from './request.ts'
import { operationOf } from './routes.ts'
import { readSignature, type SignedRequest, unprovable } from './sigv4.ts'

export type S3DoorOptions = DoorOptions & {
  /** What `?location` answers; a signature may name any region. */
  readonly region: string
  /** Host names whose subdomains are buckets (virtual-host style); `localhost` always is one. */
  readonly domains?: readonly string[]
  /** Milliseconds since the epoch; signatures are 15 minutes exact. */
  readonly now?: () => number
  /** Milliseconds after which a client that waits for a long job gets white space; default 10,000. */
  readonly keepWaiting?: number
  /** Other processes that serve the same listener; default none. */
  readonly neighbours?: Neighbours | undefined
}

type State = {
  readonly gate: Gate
  readonly options: S3DoorOptions
  readonly domains: readonly string[]
  readonly now: () => number
  readonly proxies: TrustedProxies
  readonly folders: ImplicitFolders
  readonly hashes: HashPool
}

/** Starts the S3 door: SigV4, path and virtual-host style, buckets are the top-level folders. */
export const startS3Door: Door<S3DoorOptions> = (gate, options) => {
  const state: State = {
    gate,
    options,
    domains: ['localhost', ...(options.domains ?? []).map((domain) => domain.toLowerCase())],
    now: options.now ?? Date.now,
    proxies: trustedProxies(options.trustedProxies),
    folders: createImplicitFolders(options.neighbours),
    hashes: createHashPool(),
  }
  return startServing(state)
}

async function startServing(state: State): Promise<RunningDoor> {
  const { listener, log } = state.options
  const { address, port, tls } = listener
  const server = await startHttpServer((exchange) => handle(state, exchange), {
    ...{ address, port, log, tls },
    // S3 does not mind them.
    ignoreExpectations: true,
  })
  return {
    port: server.port,
    async stop(deadline) {
      await server.stop(deadline)
      await state.hashes[Symbol.asyncDispose]()
    },
  }
}

async function handle(state: State, exchange: Exchange): Promise<void> {
  const { response } = exchange
  response.setHeader('x-amz-request-id', exchange.id)
  response.setHeader('x-amz-id-2', HOST_ID)
  response.setHeader('Server', 'Latchkey')
  try {
    const request = readRequest(
      exchange.request,
      state.domains,
      forwardedHost(exchange.request, state.proxies),
    )
    refusePreflight(request)
    const boundary = isFormPost(request) ? formBoundary(request.headers.get('content-type')) : null
    const form = boundary === null ? null : await readForm(exchange.body, boundary)
    const visit = await visitOf(state, exchange, request)
    const signed = await claimed(state, visit, request, form)
    using session = await enter(state, visit, signed)
    await serve(state, exchange, { request, signed, session }, form)
  } catch (error) {
    const fault = toFault(error)
    if (fault.code === 'internal')
      state.options.log.error({ id: exchange.id, err: error }, 's3: request failed')
    answerFault(exchange, fault)
  }
}

/** Where a request comes from, and which site it is for. */
type Visit = Omit<Attempt, 'proof'>

async function visitOf(
  { gate, options, domains, proxies }: State,
  exchange: Exchange,
  request: S3Request,
): Promise<Visit> {
  const address = clientAddress(exchange.request, proxies)
  const client = (request.headers.get('user-agent') ?? '').slice(0, 200)
  const siteId = options.listener.siteId ?? (await gate.siteOfHost(siteHost(request, domains)))
  return { door: 's3', address, siteId, client }
}

/** The signature of a request or its form; one that cannot be right is refused, and the audit gets it. */
async function claimed(
  { gate, now }: State,
  visit: Visit,
  request: S3Request,
  form: PostForm | null,
): Promise<SignedRequest | null> {
  try {
    return form === null ? readSignature(request, now()) : readFormSignature(form.fields)
  } catch (error) {
    if (error instanceof S3Fault) {
      const named = form === null ? request : { headers: form.fields, params: claimsOf(form) }
      const { accessKeyId, reason } = unprovable(named, error)
      await gate.refused({ ...visit, login: accessKeyId, reason })
    }
    throw error
  }
}

/** What a form says of its signature, under the names of a presigned query. */
function claimsOf({ fields }: PostForm): ReadonlyMap<string, string> {
  return new Map([
    ['X-Amz-Credential', fields.get('x-amz-credential') ?? ''],
    ['AWSAccessKeyId', fields.get('awsaccesskeyid') ?? ''],
  ])
}

/** Who is there? Fault AccessDenied when nothing was presented, SignatureDoesNotMatch for every other cause. */
async function enter({ gate }: State, visit: Visit, signed: SignedRequest | null): Promise<Session> {
  const result = await gate.login({ ...visit, proof: signed?.proof ?? { kind: 'none' } })
  if (result.ok) return gate.open(result.principal, visit)
  if (result.retryAfter !== null) throw new Fault('rate_limited', '', { retryAfter: result.retryAfter })
  throw new S3Fault(signed === null ? 'AccessDenied' : 'SignatureDoesNotMatch')
}

async function serve(
  { options, folders, hashes, now }: State,
  exchange: Exchange,
  known: Pick<Call, 'request' | 'signed' | 'session'>,
  form: PostForm | null,
): Promise<void> {
  const { session } = known
  const { response } = exchange
  using end = endOf(session.signal, response)
  using _cut = cutOn(session.signal, exchange.request.socket)
  const { log, region, keepWaiting = 10_000 } = options
  const call: Call = {
    ...known,
    ...{ exchange, folders, hashes, region, log, keepWaiting },
    get signal() {
      return end.signal()
    },
  }
  try {
    checkOwner(call)
    if (form === null) await operationOf(known.request)(call)
    else await postObject(call, form, now())
    await sent(exchange)
  } catch (error) {
    const isOver = session.signal.aborted || response.destroyed
    answerFault(exchange, isOver ? toFault(error) : await nameFault(call, error))
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
