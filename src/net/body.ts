import type { IncomingMessage, ServerResponse } from 'node:http'

/**
 * The body of a request. With `expecting`, `100 Continue` is sent when the first chunk is asked for. Stopping
 * early leaves the request undestroyed, so that it can still be answered.
 */
export function requestBody(
  request: IncomingMessage,
  expecting: ServerResponse | null,
): AsyncIterable<Uint8Array> {
  return {
    [Symbol.asyncIterator]() {
      if (expecting !== null && !expecting.headersSent) expecting.writeContinue()
      return request.iterator({ destroyOnReturn: false })
    },
  }
}

/** True when the request says that it has a body, even an empty chunked one. */
export function hasBody(request: IncomingMessage): boolean {
  const length = request.headers['content-length']
  return request.headers['transfer-encoding'] !== undefined || (length !== undefined && Number(length) > 0)
}
