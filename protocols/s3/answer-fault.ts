import { type Fault, toFault } from '#faults'
import type { Exchange } from '#net/http-server.ts'
import { type Call, existingBucket, isFault } from './call.ts'
import { S3Fault } from './errors.ts'
import { type ErrorAnswer, errorAnswer, errorXml } from './faults.ts'

export const HOST_ID = 'latchkey'

/** S3 has a word for each thing that can be missing; the files layer knows only that something is. */
export async function nameFault(call: Call, error: unknown): Promise<Fault> {
  const fault = toFault(error)
  if (fault.code === 'internal') logInternal(call, error)
  if (fault instanceof S3Fault || !isFault(fault, 'not_found', 'no_parent')) return fault
  try {
    await existingBucket(call)
  } catch (missing) {
    return missing instanceof S3Fault ? missing : fault
  }
  if (fault.code === 'no_parent') return fault
  return new S3Fault(call.request.params.has('uploadId') ? 'NoSuchUpload' : 'NoSuchKey')
}

// A body that ends because the client went away is no fault of the server.
function logInternal({ exchange, log }: Call, error: unknown): void {
  const { request } = exchange
  // node destroys a request that was read to its end, too.
  const gone = request.socket.destroyed || (request.destroyed && !request.complete)
  if (gone) log.debug({ id: exchange.id, err: error }, 's3: client went away')
  else log.error({ id: exchange.id, err: error }, 's3: request failed')
}

/** Answers a fault; HEAD without a body. An answer that has begun is cut, never ended as if it were whole. */
export function answerFault(exchange: Exchange, fault: Fault): void {
  const { request, response } = exchange
  if (response.headersSent || request.socket.destroyed) {
    request.socket.destroy()
    return
  }
  const answer = errorAnswer(fault)
  const body = Buffer.from(faultXml(exchange, answer))
  const head = request.method === 'HEAD'
  response.writeHead(answer.status, {
    ...(head ? {} : { 'Content-Type': 'application/xml', 'Content-Length': body.length }),
    ...(answer.retryAfter === undefined ? {} : { 'Retry-After': Math.ceil(answer.retryAfter) }),
  })
  response.end(head ? undefined : body)
}

/** The `<Error>` document of an answer to this exchange. */
export function faultXml({ id, request }: Exchange, answer: ErrorAnswer): string {
  const path = (request.url ?? '').split('?')[0] ?? ''
  return errorXml(answer, path.slice(0, 2_048), id, HOST_ID)
}
