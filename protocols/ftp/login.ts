import { setTimeout as sleep } from 'node:timers/promises'
import type { LoginResult } from '#credentials/gate.ts'
import { enter, type FtpSession, leave, startGrace } from './session.ts'
import { judgeClientCertificate } from './tls-session.ts'

const MAX_WRONG_LOGINS = 3

/** USER: whoever was logged in is no more. */
export function user(session: FtpSession, argument: string): void {
  const { control, context } = session
  if (session.access) {
    leave(session)
    startGrace(session)
  }
  if (context.settings.requireTls && !control.secure) {
    session.user = null
    control.reply(530, 'TLS is required: choose "explicit FTP over TLS" (AUTH TLS, FTPES) in your client')
    return
  }
  const problem = certificateProblem(session)
  if (problem !== null) {
    session.user = null
    control.reply(530, problem)
    return
  }
  session.user = argument
  control.reply(331, 'Send the password')
}

/** What is wrong with the client's certificate; null when it is right, or none is needed and none came. */
function certificateProblem({ context, control }: FtpSession): string | null {
  const { clientAuthority } = context.settings
  if (clientAuthority === null) return null
  const verdict = judgeClientCertificate(control.tlsSocket)
  if (verdict === 'wrong') return 'Your certificate is not accepted here'
  if (verdict === 'none' && clientAuthority.required) return 'A client certificate over TLS is required'
  return null
}

/** PASS: asks the gate. The answer to a wrong one comes later each time, and the third ends the connection. */
export async function pass(session: FtpSession, argument: string): Promise<void> {
  const { control, context, address, client } = session
  const login = session.user
  if (login === null || session.access) {
    control.reply(503, session.access ? 'You are logged in already' : 'Send USER first')
    return
  }
  session.user = null
  const result = await context.gate.login({
    door: 'ftp',
    proof: { kind: 'password', login, password: argument },
    address,
    siteId: await siteOf(session),
    client,
  })
  if (control.over.aborted) return
  if (!result.ok) return await refuse(session, result)
  enter(session, context.gate.open(result.principal, { door: 'ftp', address, client }))
  control.reply(230, 'Welcome')
}

/** The site that listener, HOST or TLS server name say; null when all are silent (REQUIREMENTS.md, U5). */
async function siteOf(session: FtpSession): Promise<string | null> {
  const { context, control } = session
  const said = context.settings.listener.siteId ?? session.host?.siteId ?? null
  if (said !== null || control.serverName === null) return said
  return await context.gate.siteOfHost(control.serverName)
}

async function refuse(session: FtpSession, result: Extract<LoginResult, { ok: false }>): Promise<void> {
  const { control, context } = session
  if (result.retryAfter !== null) {
    control.close(421, `Too many wrong logins: try again in ${result.retryAfter} seconds`)
    return
  }
  session.wrongLogins += 1
  const delay = session.wrongLogins * context.settings.wrongLoginDelayMs
  await sleep(delay, undefined, { signal: control.over }).catch(() => {})
  if (session.wrongLogins >= MAX_WRONG_LOGINS) control.close(421, 'Login or password is wrong')
  else control.reply(530, 'Login or password is wrong')
}

/** HOST (RFC 7151): names the site before the login. */
export async function host(session: FtpSession, argument: string): Promise<void> {
  const { control, context } = session
  if (session.user !== null || session.access) {
    control.reply(503, 'HOST comes before USER')
    return
  }
  const name = argument
    .trim()
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase()
  const siteId = await context.gate.siteOfHost(name)
  if (siteId === null) {
    control.reply(504, 'No such host here')
    return
  }
  session.host = { siteId, name }
  control.reply(220, 'Go on with USER')
}

/** CLNT: the client's software, for the audit. */
export function clnt(session: FtpSession, argument: string): void {
  session.client = argument.slice(0, 200)
  session.control.reply(200, 'Noted')
}

/** QUIT. */
export function quit(session: FtpSession): void {
  session.control.close(221, 'Good-bye')
}
