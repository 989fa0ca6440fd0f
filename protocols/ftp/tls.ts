import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls'
import { type FtpSession, leave, startGrace } from './session.ts'

/**
 * A context of this session alone: its ticket keys let data connections resume the control connection's TLS
 * session and no other.
 */
export function createSessionContext(tls: { readonly key: string; readonly cert: string }): SecureContext {
  return createSecureContext({
    key: tls.key,
    cert: tls.cert,
    minVersion: 'TLSv1.2',
    ticketKeys: randomBytes(48),
    sessionIdContext: 'latchkey-ftp',
  })
}

/** A data connection with TLS around it; we are the TLS server whoever connected (RFC 4217 §7). */
export function wrapData(plain: Socket, context: SecureContext): TLSSocket {
  const socket = new TLSSocket(plain, { isServer: true, secureContext: context })
  socket.on('error', () => {})
  return socket
}

/** Resolves when the handshake is over; false when it failed. */
export function handshake(socket: TLSSocket): Promise<boolean> {
  return new Promise((resolve) => {
    socket.once('secure', () => resolve(true))
    socket.once('close', () => resolve(false))
  })
}

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
    const secureContext = createSessionContext(tls)
    leave(session)
    startGrace(session)
    session.secureContext = secureContext
    await control.upgrade(secureContext)
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
