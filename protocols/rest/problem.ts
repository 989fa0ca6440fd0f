import { Fault, type FaultCode, toFault } from '#faults'
import { STATUS } from './faults.ts'

/** One thing that is wrong with a request: `field` is a JSON pointer, empty for the whole. */
export type Detail = { readonly field: string; readonly message: string }

/** What every failed request is answered with, in whichever form. */
export type Problem = {
  readonly status: number
  readonly code: FaultCode
  readonly message: string
  readonly details: readonly Detail[]
  /** Seconds after which a retry may succeed. */
  readonly retryAfter: number | undefined
}

// Said beside the list of unknown properties, once for each.
const UNKNOWN_PROPERTY = 'schema is false'

const NO_JSON: ReadonlySet<unknown> = new Set([
  'FST_ERR_CTP_INVALID_JSON_BODY',
  'FST_ERR_CTP_EMPTY_JSON_BODY',
])

/** Reads faults, and fastify's own errors (validation, parsing, limits). Anything else is `internal`. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Fault || !isHttpError(error)) return fromFault(toFault(error))
  const { statusCode: status, message, validation } = error
  if (validation !== undefined) {
    const details = validation.filter(({ message }) => message !== UNKNOWN_PROPERTY).map(detailOf)
    return problem(400, 'invalid', 'the request does not fit its description', details)
  }
  if (status === 413) return problem(413, 'too_large', 'the body is too large')
  if (status === 415) return problem(415, 'invalid', 'the body has to be application/json')
  if (status === 503) return problem(503, 'unavailable', 'the server is stopping')
  if (NO_JSON.has(error.code)) return problem(400, 'invalid', 'the body is no valid JSON')
  return problem(status, status === 404 ? 'not_found' : 'invalid', message)
}

/** The JSON of an error answer. */
export function problemJson({ code, message, details }: Problem, requestId: string) {
  return { error: { code, message, details, request_id: requestId } }
}

/** A problem that no error stands behind, such as a path without a route. */
export function problem(
  status: number,
  code: FaultCode,
  message: string,
  details: readonly Detail[] = [],
): Problem {
  return { status, code, message, details, retryAfter: undefined }
}

function fromFault(fault: Fault): Problem {
  const { code, message, retryAfter } = fault
  return { status: STATUS[code], code, message, details: [], retryAfter }
}

type ValidationError = {
  readonly instancePath: string
  readonly message?: string | undefined
  readonly params?: unknown
}

type HttpError = Error & {
  readonly statusCode: number
  readonly code?: unknown
  readonly validation?: readonly ValidationError[]
}

// Of fastify's making: it sets the status, and its 4xx messages are written for clients.
function isHttpError(error: unknown): error is HttpError {
  if (!(error instanceof Error) || !('statusCode' in error)) return false
  const { statusCode } = error
  return typeof statusCode === 'number' && statusCode >= 400 && (statusCode < 500 || statusCode === 503)
}

function detailOf({ instancePath, message, params }: ValidationError): Detail {
  return { field: instancePath, message: `${message ?? 'is wrong'}${namesIn(params)}` }
}

// Which properties are missing or unknown: the message alone does not say.
function namesIn(params: unknown): string {
  if (typeof params !== 'object' || params === null) return ''
  const names = [
    ...('additionalProperties' in params ? listOf(params.additionalProperties) : []),
    ...('allowedValues' in params ? listOf(params.allowedValues) : []),
  ]
  return names.length === 0 ? '' : `: ${names.slice(0, 10).join(', ').slice(0, 200)}`
}

function listOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : []
}
