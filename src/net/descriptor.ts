import { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'

/**
 * The descriptor of a connected plain TCP socket, which is good until the end of this turn of the event loop: the
 * socket may be closed in the next, and another have its number. Null for TLS, and when it is closed.
 */
export function descriptorOf(socket: unknown): number | null {
  if (!(socket instanceof Socket) || socket instanceof TLSSocket || socket.destroyed) return null
  // Not part of Node's interface; where it is missing the bytes are read and written.
  const handle: unknown = Reflect.get(socket, '_handle')
  const descriptor: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'fd') : null
  return typeof descriptor === 'number' && descriptor >= 0 ? descriptor : null
}
