import type { Session } from '#credentials/gate.ts'
import { Fault } from '#faults'
import type { Exchange } from '#net/http-server.ts'
import { childOf, ROOT, type VirtualPath } from '#permissions/path.ts'
import type { DoorLog } from '../protocol.ts'
import { S3Fault } from './errors.ts'
import type { ImplicitFolders } from './folders.ts'
import type { HashPool } from './hash-pool.ts'
import type { S3Request } from './request.ts'
import type { SignedRequest } from './sigv4.ts'

/** What an operation of this door works with: one authenticated request. */
export type Call = {
  readonly exchange: Exchange
  readonly request: S3Request
  readonly session: Session
  /** Null for a guest, who signed nothing. */
  readonly signed: SignedRequest | null
  /** Fires on revocation and when the client goes away. */
  readonly signal: AbortSignal
  readonly region: string
  readonly folders: ImplicitFolders
  readonly hashes: HashPool
  /** Milliseconds after which a client that waits for an answer gets white space. */
  readonly keepWaiting: number
  readonly log: DoorLog
}

/** One operation: answers the call, or throws a Fault before the answer began. */
export type Operation = (call: Call) => Promise<void>

export function param({ request }: Call, name: string): string | undefined {
  return request.params.get(name)
}

export function header({ request }: Call, name: string): string | undefined {
  return request.headers.get(name)
}

/** `http://host:port` as the client called this server. */
export function originOf({ exchange, request }: Call): string {
  const scheme = 'encrypted' in exchange.request.socket ? 'https' : 'http'
  return `${scheme}://${request.headers.get('host') ?? ''}`
}

/** The folder of the request's bucket. Fault InvalidBucketName. */
export function bucketPath({ request }: Call): VirtualPath {
  return pathOfBucket(request.bucket)
}

export function pathOfBucket(bucket: string): VirtualPath {
  try {
    return childOf(ROOT, bucket)
  } catch {
    throw new S3Fault('InvalidBucketName')
  }
}

/** The bucket's folder, seen to be there. Fault NoSuchBucket. */
export async function existingBucket(call: Call): Promise<VirtualPath> {
  const path = bucketPath(call)
  const entry = await call.session.files.stat(path).catch(missingBucket)
  if (entry.kind !== 'folder') throw new S3Fault('NoSuchBucket')
  return path
}

function missingBucket(error: unknown): never {
  throw isFault(error, 'not_found') ? new S3Fault('NoSuchBucket') : error
}

/** True for a Fault with one of these codes. */
export function isFault(error: unknown, ...codes: readonly Fault['code'][]): error is Fault {
  return error instanceof Fault && codes.includes(error.code)
}

export type AnswerHeaders = Record<string, string | number>

/** Answers without a body. */
export function answerEmpty({ exchange }: Call, status: number, headers: AnswerHeaders = {}): void {
  exchange.response.writeHead(
    status,
    status === 204 || status === 304 ? headers : { 'Content-Length': 0, ...headers },
  )
  exchange.response.end()
}

/** Answers with an XML document. */
export function answerXml({ exchange }: Call, xml: string, headers: AnswerHeaders = {}, status = 200): void {
  const body = Buffer.from(xml)
  exchange.response.writeHead(status, {
    'Content-Type': 'application/xml',
    'Content-Length': body.length,
    ...headers,
  })
  exchange.response.end(body)
}
