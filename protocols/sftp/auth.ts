import { setTimeout as delay } from 'node:timers/promises'
import type { AuthContext, Connection, KeyboardAuthContext } from 'ssh2'
import type { Gate, LoginResult } from '#credentials/gate.ts'
import type { Principal } from '#permissions/principal.ts'
import type { DoorLog } from '../protocol.ts'

const METHODS: ('password' | 'keyboard-interactive')[] = ['password', 'keyboard-interactive']
/** Refused logins in one connection; requests of any kind, for a client that offers key after key. */
const MAX_FAILURES = 6
const MAX_REQUESTS = 24
const DELAY_MS = 200

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
  let failures = 0
  let requests = 0

  const refuse = async (context: AuthContext) => {
    failures += 1
    await delay(DELAY_MS * failures)
    if (options.gone()) return
    context.reject(METHODS)
    if (failures >= MAX_FAILURES) options.end()
  }

  const decide = async (context: AuthContext) => {
    const password = await presentedPassword(context)
    if (options.gone()) return
    // The methods are told; nothing was tried.
    if (password === null) return context.reject(METHODS)
    const result = await login(options, context.username, password)
    if (options.gone()) return
    if (result === null) return context.reject(METHODS)
    if (!result.ok && result.retryAfter !== null) return options.end()
    if (!result.ok) return refuse(context)
    options.admit(result.principal)
    context.accept()
  }

  client.on('authentication', (context) => {
    requests += 1
    if (requests > MAX_REQUESTS) return options.end()
    decide(context).catch((error: unknown) => {
      options.log.error({ err: error }, 'sftp: authentication failed')
      options.end()
    })
  })
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
async function login(options: AuthOptions, name: string, password: string): Promise<LoginResult | null> {
  try {
    return await options.gate.login({
      door: 'sftp',
      proof: { kind: 'password', login: name, password },
      address: options.address,
      siteId: options.siteId,
      client: options.client,
    })
  } catch (error) {
    options.log.error({ err: error }, 'sftp: login could not be checked')
    return null
  }
}
