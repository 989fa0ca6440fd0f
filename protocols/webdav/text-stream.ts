import { once } from 'node:events'
import type { ServerResponse } from 'node:http'

const FLUSH_CHARACTERS = 64 * 1024

/** A text answer of any length. The head goes out with the first 64 Ki characters, so that what fails before can
 * still be answered properly. */
export type TextStream = {
  add(text: string): void
  /** Much was gathered: flush before more, or memory follows the length of the answer. */
  isFull(): boolean
  /** Sends what was gathered, and waits while the client is slow. Rejects when it is gone. */
  flush(): Promise<void>
  /** Sends the rest. */
  end(): void
}

export function textStream(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
): TextStream {
  let pending = ''
  return {
    add: (text) => {
      pending += text
    },
    isFull: () => pending.length >= FLUSH_CHARACTERS,
    flush: async () => {
      if (response.destroyed) throw new Error('connection closed while sending')
      if (!response.headersSent) response.writeHead(status, headers)
      const text = pending
      pending = ''
      if (!response.write(text)) await drained(response)
    },
    end: () => {
      if (!response.headersSent) {
        response.writeHead(status, { ...headers, 'Content-Length': Buffer.byteLength(pending) })
      }
      response.end(pending)
    },
  }
}

async function drained(response: ServerResponse): Promise<void> {
  const over = new AbortController()
  const { signal } = over
  const closed = once(response, 'close', { signal }).then(() => {
    throw new Error('connection closed while sending')
  })
  try {
    await Promise.race([once(response, 'drain', { signal }), closed])
  } finally {
    closed.catch(() => {})
    over.abort()
  }
}
