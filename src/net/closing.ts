import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

const LINGER_MILLISECONDS = 2_000
const LINGER_BYTES = 8 * 1024 * 1024

/**
 * Ends a connection so that the client gets the last answer although it still sends: our side is closed, what
 * comes is thrown away for a while, then all is destroyed.
 */
export function linger(socket: Socket): void {
  if (socket.destroyed) return
  const limit = socket.bytesRead + LINGER_BYTES
  const startedAt = Date.now()
  socket.end()
  socket.resume()
  const watch = setInterval(() => {
    if (socket.bytesRead > limit || Date.now() - startedAt > LINGER_MILLISECONDS) socket.destroy()
  }, 100)
  watch.unref()
  socket.once('end', () => socket.destroy())
  socket.once('close', () => clearInterval(watch))
  if (socket.readableEnded) socket.destroy()
}

const STATUS_OF: ReadonlyMap<string, string> = new Map([
  ['HPE_HEADER_OVERFLOW', '431 Request Header Fields Too Large'],
  ['HPE_CHUNK_EXTENSIONS_OVERFLOW', '413 Content Too Large'],
  ['ERR_HTTP_REQUEST_TIMEOUT', '408 Request Timeout'],
])

/** Answers what is not HTTP (400, 408, 413 or 431) and closes; `answering`: part of an answer is already out. */
export function answerBadRequest(error: Error, socket: Duplex, answering: boolean): void {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  if (answering || !socket.writable || code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  socket.on('error', () => socket.destroy())
  const status = STATUS_OF.get(code) ?? '400 Bad Request'
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
  setTimeout(() => socket.destroy(), LINGER_MILLISECONDS).unref()
}

/** Destroys the socket when the signal fires (revocation). Dispose it when the request is over. */
export function cutOn(signal: AbortSignal, socket: Socket): Disposable {
  const cut = () => {
    socket.destroy()
  }
  if (signal.aborted) cut()
  else signal.addEventListener('abort', cut, { once: true })
  return { [Symbol.dispose]: () => signal.removeEventListener('abort', cut) }
}
