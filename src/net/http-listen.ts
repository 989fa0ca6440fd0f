import { createServer, type Server, type ServerOptions } from 'node:http'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https'
import type { Socket } from 'node:net'
import type { Certificates } from './certificates.ts'
import type { HttpLog } from './http-server.ts'

/** Milliseconds for a TLS handshake. */
const HANDSHAKE_TIMEOUT = 10_000

/** A server, and connections that are not handed on yet because their handshake still runs. */
export type HttpListener = {
  readonly server: Server | TlsServer
  /** The event with which a connection is ready for requests. */
  readonly connected: 'connection' | 'secureConnection'
  /** Ends what waits for a handshake. */
  dropHandshakes(): void
}

/** `tls`: HTTPS. New connections get other certificates as soon as those are in use; open ones go on. */
export function createListener(
  options: ServerOptions,
  tls: Pick<Certificates, 'serverOptions' | 'onReload'> | undefined,
  log: HttpLog,
): HttpListener {
  if (tls === undefined) {
    return { server: createServer(options), connected: 'connection', dropHandshakes() {} }
  }
  const server = createTlsServer({
    ...options,
    ...tls.serverOptions(),
    ALPNProtocols: ['http/1.1'],
    handshakeTimeout: HANDSHAKE_TIMEOUT,
  })
  // Clients that name no host get the server's own context, the others are asked for by name.
  const stopReloading = tls.onReload(() => server.setSecureContext(tls.serverOptions()))
  server.once('close', stopReloading)
  const shaking = new Map<string, Socket>()
  server.on('connection', (socket: Socket) => {
    const peer = peerOf(socket)
    shaking.set(peer, socket)
    socket.once('close', () => {
      if (shaking.get(peer) === socket) shaking.delete(peer)
    })
  })
  server.on('secureConnection', (socket) => shaking.delete(peerOf(socket)))
  server.on('tlsClientError', (error, socket) => {
    log.debug({ err: error }, 'a TLS handshake failed')
    socket.destroy()
  })
  return {
    server,
    connected: 'secureConnection',
    dropHandshakes() {
      for (const socket of shaking.values()) socket.destroy()
    },
  }
}

// A TLS socket does not tell which socket carries it.
function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}
