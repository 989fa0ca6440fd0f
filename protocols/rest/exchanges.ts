import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Exchange } from '#net/http-server.ts'
import type { App } from './app.ts'

const exchanges = new WeakMap<IncomingMessage, Exchange>()

/** What the server knows of a request: its id, and its body as it has to be read. */
export function exchangeOf(request: IncomingMessage): Pick<Exchange, 'id' | 'body'> {
  return exchanges.get(request) ?? { id: randomUUID(), body: request }
}

/** Lets the app answer what came to the server; resolves when the answer is out or the client is gone. */
export function answerWith(app: App): (exchange: Exchange) => Promise<void> {
  return (exchange) =>
    new Promise((resolve) => {
      const { request, response } = exchange
      exchanges.set(request, exchange)
      response.once('close', resolve)
      overrideMethod(exchange)
      app.routing(request, response)
    })
}

// tus 1.0: clients that cannot send PATCH and DELETE name them in a header.
function overrideMethod({ request }: Exchange): void {
  const method = request.headers['x-http-method-override']
  if (request.method !== 'POST' || !request.url?.startsWith('/api/v1/uploads')) return
  if (method === 'PATCH' || method === 'DELETE') request.method = method
}
