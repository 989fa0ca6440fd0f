import type { IncomingMessage } from 'node:http'
import { readRequest, type S3Request } from '#protocols/s3/request.ts'

/** A request as node would give it, with headers in their order and repeated ones as they are. */
export function requestOf(
  method: string,
  url: string,
  headers: readonly (readonly [string, string])[] = [],
  domains: readonly string[] = [],
): S3Request {
  const message: Pick<IncomingMessage, 'method' | 'url' | 'rawHeaders'> = {
    method,
    url,
    rawHeaders: headers.flat(),
  }
  // Only these three are read.
  return readRequest(message as IncomingMessage, domains)
}
