import type { Socket } from 'node:net'
import type { Connection } from 'ssh2'
import { functionAt, objectAt, protocolOf } from './ssh-internals.ts'

const corked = new WeakSet<Socket>()

/** To be called before a write: what one turn of the event loop writes goes to the kernel in one call. */
export function joinWrites(socket: Socket): void {
  if (corked.has(socket)) return
  corked.add(socket)
  socket.cork()
  process.nextTick(uncork, socket)
}

function uncork(socket: Socket): void {
  corked.delete(socket)
  socket.uncork()
}

/** Does so for all that ssh2 writes. To be called when the client has identified itself. */
export function joinWritesOf(client: Connection, socket: Socket): void {
  const protocol = protocolOf(client)
  const write = functionAt(protocol, '_onWrite')
  const send = (data: unknown) => {
    joinWrites(socket)
    write(data)
  }
  Reflect.set(protocol, '_onWrite', send)
  // Later ciphers take it from the protocol.
  Reflect.set(objectAt(protocol, '_cipher'), '_onWrite', send)
}
