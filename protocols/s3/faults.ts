import type { Fault, FaultCode } from '#faults'
import { defaultMessage, type S3Code, S3Fault, statusOf } from './errors.ts'
import { element, xmlDocument } from './markup.ts'

/** How S3 says each fault (DESIGN.md, Errors). What was missing is told apart in `missing.ts`. */
const S3_CODES = {
  unauthenticated: 'SignatureDoesNotMatch',
  forbidden: 'AccessDenied',
  not_found: 'NoSuchKey',
  exists: 'ExistingObjectIsDirectory',
  no_parent: 'ObjectParentIsFile',
  not_empty: 'BucketNotEmpty',
  precondition: 'PreconditionFailed',
  locked: 'OperationAborted',
  invalid: 'InvalidArgument',
  too_large: 'EntityTooLarge',
  quota: 'QuotaExceeded',
  range: 'InvalidRange',
  unsupported: 'NotImplemented',
  rate_limited: 'SlowDown',
  unavailable: 'ServiceUnavailable',
  internal: 'InternalError',
} as const satisfies Record<FaultCode, S3Code>

export type ErrorAnswer = {
  readonly status: number
  readonly code: S3Code
  readonly message: string
  readonly details: Readonly<Record<string, string>>
  /** Seconds, for a Retry-After header. */
  readonly retryAfter: number | undefined
}

/** The S3 answer to a fault. The message is never empty: awscli crashes on that. */
export function errorAnswer(fault: Fault): ErrorAnswer {
  const code = fault instanceof S3Fault ? fault.s3Code : S3_CODES[fault.code]
  const message = fault.code === 'internal' || fault.message === '' ? defaultMessage(code) : fault.message
  const details = fault instanceof S3Fault ? fault.details : {}
  return { status: statusOf(code), code, message, details, retryAfter: fault.retryAfter }
}

/** The `<Error>` element of an answer, also used inside a 200 of a slow CompleteMultipartUpload. */
export function errorXml(answer: ErrorAnswer, resource: string, requestId: string, hostId: string): string {
  const details = Object.entries(answer.details).map(([name, text]) => element(name, text))
  return xmlDocument(
    'Error',
    element('Code', answer.code) +
      element('Message', answer.message) +
      details.join('') +
      element('Resource', resource) +
      element('RequestId', requestId) +
      element('HostId', hostId),
    '',
  )
}
