import type { FaultCode } from '#faults'

/** How the console answers each fault: the status, and the page's heading. */
export const PAGES = {
  unauthenticated: { status: 401, title: 'Please log in' },
  forbidden: { status: 403, title: 'This is not for you' },
  not_found: { status: 404, title: 'There is nothing here' },
  exists: { status: 409, title: 'That name is taken' },
  no_parent: { status: 409, title: 'The folder is gone' },
  not_empty: { status: 409, title: 'The folder is not empty' },
  precondition: { status: 412, title: 'Somebody was faster' },
  locked: { status: 423, title: 'Somebody holds a lock on this' },
  invalid: { status: 400, title: 'That does not work' },
  too_large: { status: 413, title: 'This is too large' },
  quota: { status: 507, title: 'There is no room left' },
  range: { status: 416, title: 'There is no such part' },
  unsupported: { status: 501, title: 'This cannot be done here' },
  rate_limited: { status: 429, title: 'Too many tries' },
  unavailable: { status: 503, title: 'Not now' },
  internal: { status: 500, title: 'Something failed here' },
} as const satisfies Record<FaultCode, { status: number; title: string }>
