import type { FaultCode } from '#faults'
import { STATUS, type StatusCode } from './wire.ts'

/** The status that answers each fault; `close`: there is none, the connection ends. */
export const STATUS_OF_FAULT = {
  unauthenticated: 'close',
  forbidden: STATUS.permissionDenied,
  not_found: STATUS.noSuchFile,
  exists: STATUS.failure,
  no_parent: STATUS.noSuchFile,
  not_empty: STATUS.failure,
  precondition: STATUS.failure,
  locked: STATUS.failure,
  invalid: STATUS.badMessage,
  too_large: STATUS.failure,
  quota: STATUS.failure,
  range: STATUS.eof,
  unsupported: STATUS.unsupported,
  rate_limited: 'close',
  unavailable: STATUS.failure,
  internal: STATUS.failure,
} as const satisfies Record<FaultCode, StatusCode | 'close'>
