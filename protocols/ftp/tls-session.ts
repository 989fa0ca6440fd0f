import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { createSecureContext, type SecureContext, TLSSocket, type TLSSocketOptions } from 'node:tls'
import { type CertificatePair, TLS_SETTINGS } from '#net/certificate-pair.ts'
import type { Certificates } from '#net/certificates.ts'

/** Who may have signed client certificates (`ca`, PEM), and whether a login needs one. */
export type ClientAuthority = { readonly ca: string; readonly required: boolean }

/** The TLS side of one session; on all its connections we are the server, whoever connected (RFC 4217 §7). */
export type SessionTls = {
  wrapControl(plain: Socket): TLSSocket
  wrapData(plain: Socket): TLSSocket
}

type SniCallback = NonNullable<TLSSocketOptions['SNICallback']>

/** What a door's TLS is made of. */
export type TlsSettings = {
  readonly tls: Certificates
  readonly clientAuthority: ClientAuthority | null
  readonly requireSessionReuse: boolean
}

/** The certificate is that of the name in the client's hello, else of `hostName`, else the default. */
export function createSessionTls(settings: TlsSettings, hostName: string | undefined): SessionTls {
  const { tls: certificates, clientAuthority: authority } = settings
  const secureContext = contextOf(certificates.pairFor(hostName), settings)
  const SNICallback: SniCallback = (servername, done) => {
    const pair = certificates.pairNamed(servername)
    // This replaces the certificate only: tickets stay those of the context that the connection began with.
    done(null, pair === null ? secureContext : sharedContext(pair, authority))
  }
  const wrap = (plain: Socket, requestCert: boolean) => {
    // Who is refused for a certificate hears it at the login; a failed handshake explains nothing.
    const options = { isServer: true, secureContext, SNICallback, requestCert, rejectUnauthorized: false }
    const socket = new TLSSocket(plain, options)
    socket.on('error', () => {})
    return socket
  }
  return {
    wrapControl: (plain) => wrap(plain, authority !== null),
    wrapData: (plain) => wrap(plain, false),
  }
}

/**
 * Data connections may resume the control connection's TLS session by its ticket. Where they must, the context
 * is of this session alone: its ticket keys then open no other session's tickets. Making one takes milliseconds.
 */
function contextOf(pair: CertificatePair, settings: TlsSettings): SecureContext {
  const { clientAuthority, requireSessionReuse } = settings
  if (clientAuthority === null && !requireSessionReuse) return pair.context
  const { cert, key } = pair
  const ca = clientAuthority && { ca: clientAuthority.ca }
  return createSecureContext({ ...TLS_SETTINGS, ...ca, cert, key, ticketKeys: randomBytes(48) })
}

const CONTEXTS = new WeakMap<ClientAuthority, WeakMap<CertificatePair, SecureContext>>()

/** A context for a chosen certificate, which has to know the authority as well: it replaces the trust store. */
function sharedContext(pair: CertificatePair, authority: ClientAuthority | null): SecureContext {
  if (authority === null) return pair.context
  const contexts = CONTEXTS.get(authority) ?? new WeakMap<CertificatePair, SecureContext>()
  CONTEXTS.set(authority, contexts)
  const { cert, key } = pair
  const context = contexts.get(pair) ?? createSecureContext({ ...TLS_SETTINGS, cert, key, ca: authority.ca })
  contexts.set(pair, context)
  return context
}

/** Resolves when the handshake is over; false when it failed. */
export function handshake(socket: TLSSocket): Promise<boolean> {
  return new Promise((resolve) => {
    socket.once('secure', () => resolve(true))
    socket.once('close', () => resolve(false))
  })
}

/** What became of the client's certificate. */
export function judgeClientCertificate(socket: TLSSocket | null): 'none' | 'right' | 'wrong' {
  if (socket?.getPeerX509Certificate() === undefined) return 'none'
  // Node tells the verdict of the chain's verification through tls.Server only; a socket that was wrapped by
  // hand keeps it in its handle. Without that method nobody's certificate is right.
  const handle: unknown = Reflect.get(socket, '_handle')
  const verify: unknown = isObject(handle) ? Reflect.get(handle, 'verifyError') : undefined
  if (typeof verify !== 'function') return 'wrong'
  const problem: unknown = verify.call(handle)
  return problem === null || problem === undefined ? 'right' : 'wrong'
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
