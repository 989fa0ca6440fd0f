import { type FtpSession, leave, startGrace } from './session.ts'
import { createSessionTls } from './tls-session.ts'

/** AUTH TLS (RFC 4217 §4). */
export async function auth(session: FtpSession, argument: string): Promise<void> {
  const { control, context } = session
  const mechanism = argument.trim().toUpperCase()
  const { tls } = context.settings
  if (tls === null) {
    control.reply(502, 'TLS is not set up on this server')
  } else if (control.secure) {
    control.reply(503, 'TLS is already in use')
  } else if (!['TLS', 'TLS-C', 'SSL'].includes(mechanism)) {
    control.reply(504, 'Only AUTH TLS is known')
  } else {
    const sessionTls = createSessionTls({ ...context.settings, tls }, session.host?.name)
    leave(session)
    startGrace(session)
    session.tls = sessionTls
    await control.upgrade(sessionTls)
  }
}

/** PBSZ: nothing to agree on with TLS (RFC 4217 §8). */
export function pbsz(session: FtpSession): void {
  if (session.control.secure) session.control.reply(200, 'PBSZ=0')
  else session.control.reply(503, 'Send AUTH TLS first')
}

/** PROT: `P` for private data connections, `C` for clear ones. */
export function prot(session: FtpSession, argument: string): void {
  const { control } = session
  const level = argument.trim().toUpperCase()
  if (!control.secure) {
    control.reply(503, 'Send AUTH TLS first')
  } else if (level === 'P') {
    session.privateData = true
    control.reply(200, 'Data connections use TLS')
  } else if (level === 'C' && session.context.settings.requireTls) {
    control.reply(534, 'Data must be private here: PROT P')
  } else if (level === 'C') {
    session.privateData = false
    control.reply(200, 'Data connections are in the clear')
  } else {
    control.reply(level === 'S' || level === 'E' ? 536 : 504, 'Only PROT P and PROT C are known')
  }
}
