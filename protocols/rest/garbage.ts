import { randomUUID } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { problem, problemJson } from './problem.ts'

const STATUS_OF: ReadonlyMap<string, readonly [number, string]> = new Map([
  ['HPE_HEADER_OVERFLOW', [431, 'Request Header Fields Too Large']],
  ['HPE_CHUNK_EXTENSIONS_OVERFLOW', [413, 'Content Too Large']],
  ['ERR_HTTP_REQUEST_TIMEOUT', [408, 'Request Timeout']],
])

const LINGER_MS = 2_000

/** Answers what is not HTTP, or came too slowly, and closes the connection; `answering`: it is too late for that. */
export function answerGarbage(error: Error & { code?: string }, socket: Duplex, answering: boolean): void {
  if (answering || !socket.writable || error.code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  const [status, words] = STATUS_OF.get(error.code ?? '') ?? [400, 'Bad Request']
  const body = JSON.stringify(problemJson(problem(status, 'invalid', words.toLowerCase()), randomUUID()))
  const head = [
    `HTTP/1.1 ${status} ${words}`,
    'Connection: close',
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
  ]
  socket.on('error', () => socket.destroy())
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
  setTimeout(() => socket.destroy(), LINGER_MS).unref()
}
