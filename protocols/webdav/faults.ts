import type { Fault, FaultCode } from '#faults'
import { escapeText } from '#net/xml.ts'
import type { VirtualPath } from '#permissions/path.ts'
import { hrefOf } from './path.ts'
import { conditionReply, type Reply, textReply } from './reply.ts'

/** The status of each fault on this door. */
export const STATUS = {
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  exists: 405,
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

/** The challenge that goes with each 401. */
export const CHALLENGE = 'Basic realm="Latchkey", charset="UTF-8"'

/** The answer to a fault. `lockedAt`: where the lock is that stood in the way of a `locked` one. */
export function faultReply(fault: Fault, lockedAt: VirtualPath | null = null): Reply {
  const status = STATUS[fault.code]
  if (fault.code === 'locked' && lockedAt !== null) {
    return conditionReply(status, `<D:lock-token-submitted>${hrefElement(lockedAt)}</D:lock-token-submitted>`)
  }
  if (fault.code === 'quota') return conditionReply(status, '<D:quota-not-exceeded/>')
  return textReply(status, fault.message, headersOf(fault))
}

/** Where something is, as an element. */
export function hrefElement(path: VirtualPath): string {
  return `<D:href>${escapeText(hrefOf(path, false))}</D:href>`
}

function headersOf(fault: Fault): Record<string, string | number> {
  if (fault.code === 'unauthenticated') return { 'WWW-Authenticate': CHALLENGE }
  return fault.retryAfter === undefined ? {} : { 'Retry-After': Math.max(1, Math.ceil(fault.retryAfter)) }
}
