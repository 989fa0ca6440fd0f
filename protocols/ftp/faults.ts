import { randomUUID } from 'node:crypto'
import { type FaultCode, toFault } from '#faults'
import type { FtpSession } from './session.ts'

/** FTP reply code of each fault (DESIGN.md, Errors). 421 closes the control connection. */
export const REPLY_CODES = {
  unauthenticated: 530,
  forbidden: 550,
  not_found: 550,
  exists: 550,
  no_parent: 550,
  not_empty: 550,
  precondition: 550,
  locked: 450,
  invalid: 553,
  too_large: 552,
  quota: 552,
  range: 554,
  unsupported: 502,
  rate_limited: 421,
  unavailable: 421,
  internal: 451,
} as const satisfies Record<FaultCode, number>

/** Answers a command that failed. What is not a Fault shows nothing but the id under which it is logged. */
export function replyFault(session: FtpSession, error: unknown): void {
  const fault = toFault(error)
  const code = REPLY_CODES[fault.code]
  if (fault.code === 'internal') {
    const requestId = randomUUID()
    session.context.log.error({ requestId, err: fault.cause ?? fault }, 'ftp: a command failed')
    session.control.reply(code, `Internal error ${requestId}`)
  } else if (code === 421) {
    session.control.close(code, fault.message)
  } else {
    session.control.reply(code, fault.message)
  }
}
