import { setTimeout as delay } from 'node:timers/promises'
import type { AuthContext, Connection, KeyboardAuthContext } from 'ssh2'
import type { Gate, LoginResult } from '#credentials/gate.ts'
import type { Proof } from '#credentials/proof.ts'
import type { Principal } from '#permissions/principal.ts'
import type { DoorLog } from '../protocol.ts'
import { isOfferable, signatureOf } from './public-key.ts'

const METHODS: ('publickey' | 'password' | 'keyboard-interactive')[] = [
  'publickey',
  'password',
  'keyboard-interactive',
]
/** Refused passwords in one connection; refused keys, of which an agent may hold many; requests of any kind. */
const MAX_FAILURES = 6
const MAX_KEY_FAILURES = 10
const MAX_REQUESTS = 40
const DELAY_MS = 200
/** What a connection counts that was thrown out, besides what was refused in it. */
const THROWN_OUT = 10

export type AuthOptions = {
  readonly gate: Gate
  readonly log: DoorLog
  readonly address: string
  readonly client: string
  readonly siteId: string | null
  /** True when the transport is gone: answering would throw. */
  readonly gone: () => boolean
  readonly end: () => void
  /** Called before the client learns that it is in. */
  readonly admit: (principal: Principal) => void
}

/** Answers authentication requests of one connection until one is good. */
export function authenticateClient(client: Connection, options: AuthOptions): void {
  const { gate, address } = options
  let failures = 0
  let keyFailures = 0
  let requests = 0

  const throwOut = () => {
    gate.offended(address, THROWN_OUT)
    options.end()
  }

  const refuse = async (context: AuthContext) => {
    const isKey = context.method === 'publickey'
    if (isKey) keyFailures += 1
    else failures += 1
    gate.offended(address, 1)
    await delay(isKey ? DELAY_MS : DELAY_MS * failures)
    if (options.gone()) return
    context.reject(METHODS)
    if (failures >= MAX_FAILURES || keyFailures >= MAX_KEY_FAILURES) throwOut()
  }

  const decide = async (context: AuthContext) => {
    if (isOffer(context)) return answerOffer(context)
    const proof = await proofOf(context)
    if (options.gone()) return
    // The methods are told; nothing was tried.
    if (proof === null) return context.reject(METHODS)
    const result = await login(options, proof)
    if (options.gone()) return
    if (result === null) return context.reject(METHODS)
    if (!result.ok && result.retryAfter !== null) return options.end()
    if (!result.ok) return refuse(context)
    options.admit(result.principal)
    context.accept()
  }

  client.on('authentication', (context) => {
    requests += 1
    if (requests > MAX_REQUESTS) return throwOut()
    decide(context).catch((error: unknown) => {
      options.log.error({ err: error }, 'sftp: authentication failed')
      options.end()
    })
  })
}

/** A public key without a signature: may it be used? */
function isOffer(context: AuthContext): boolean {
  return context.method === 'publickey' && context.signature === undefined
}

/**
 * The same answer for every key and every name, without a look-up: whether a signature will log in shows only
 * when it was made (RFC 4252, 7). Otherwise anyone could ask whose public key this is.
 */
function answerOffer(context: AuthContext): void {
  if (context.method === 'publickey' && isOfferable(context)) context.accept()
  else context.reject(METHODS)
}

/** Null when the request presents nothing that could log in. */
async function proofOf(context: AuthContext): Promise<Proof | null> {
  const { username: login } = context
  if (context.method === 'publickey') {
    const key = signatureOf(context)
    return key && { kind: 'ssh_key', login, key }
  }
  const password = await presentedPassword(context)
  return password === null ? null : { kind: 'password', login, password }
}

/** Null when the method does not present a password. */
async function presentedPassword(context: AuthContext): Promise<string | null> {
  if (context.method === 'password') {
    // A request to change the password has an object here.
    return typeof context.password === 'string' ? context.password : null
  }
  return context.method === 'keyboard-interactive' ? askPassword(context) : null
}

function askPassword(context: KeyboardAuthContext): Promise<string | null> {
  return new Promise((resolve) => {
    // An aborted prompt gets an Error here, and types do not say so.
    const answered = (answers: unknown) => {
      const first: unknown = Array.isArray(answers) ? answers[0] : null
      resolve(typeof first === 'string' ? first : null)
    }
    context.prompt([{ prompt: 'Password: ', echo: false }], answered)
  })
}

/** Null when credentials cannot be checked now. */
async function login(options: AuthOptions, proof: Proof): Promise<LoginResult | null> {
  try {
    return await options.gate.login({
      door: 'sftp',
      proof,
      address: options.address,
      siteId: options.siteId,
      client: options.client,
    })
  } catch (error) {
    options.log.error({ err: error }, 'sftp: login could not be checked')
    return null
  }
}
