import type { FaultCode } from '#faults'

/** How REST answers each fault (DESIGN.md, Errors). */
export const STATUS = {
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  exists: 409,
  no_parent: 409,
  not_empty: 409,
  precondition: 412,
  locked: 423,
  invalid: 400,
  too_large: 413,
  quota: 507,
  range: 416,
  unsupported: 501,
  rate_limited: 429,
  unavailable: 503,
  internal: 500,
} as const satisfies Record<FaultCode, number>

/** Sent with each 401 (RFC 9110 §11.6.1). */
export const CHALLENGE = 'Bearer realm="Latchkey", ApiKey realm="Latchkey"'
