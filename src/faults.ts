/** Every way a request can fail, as DESIGN.md lists them. Each door answers each code in its own terms. */
export type FaultCode =
  | 'unauthenticated'
  | 'forbidden'
  | 'not_found'
  | 'exists'
  | 'no_parent'
  | 'not_empty'
  | 'precondition'
  | 'locked'
  | 'invalid'
  | 'too_large'
  | 'quota'
  | 'range'
  | 'unsupported'
  | 'rate_limited'
  | 'unavailable'
  | 'internal'

/** The one error class. `message` may be shown to the client: it names no server path and no secret. */
export class Fault extends Error {
  readonly code: FaultCode
  /** Seconds after which a retry may succeed, for `rate_limited` and `unavailable`. */
  readonly retryAfter: number | undefined

  constructor(code: FaultCode, message: string, options: { cause?: unknown; retryAfter?: number } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'Fault'
    this.code = code
    this.retryAfter = options.retryAfter
  }
}

/** A Fault stays what it is; anything else becomes `internal`, its text kept from the client. */
export function toFault(error: unknown): Fault {
  if (error instanceof Fault) return error
  return new Fault('internal', 'internal error', { cause: error })
}
