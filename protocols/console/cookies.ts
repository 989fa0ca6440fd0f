import type { IncomingMessage } from 'node:http'

/** `in` stands for a login; `code` for one whose second factor is still to come. */
export type CookieKind = 'in' | 'code'

const NAMES: Readonly<Record<CookieKind, string>> = { in: 'latchkey', code: 'latchkey-code' }

// `__Host-`: the browser takes it over HTTPS only, for this very host and no other one of its domain.
function nameOf(kind: CookieKind, secure: boolean): string {
  return secure ? `__Host-${NAMES[kind]}` : NAMES[kind]
}

/** What the browser brought; null for none. */
export function readCookie(
  { headers }: Pick<IncomingMessage, 'headers'>,
  kind: CookieKind,
  secure: boolean,
): string | null {
  const wanted = `${nameOf(kind, secure)}=`
  for (const pair of (headers.cookie ?? '').split(';')) {
    const text = pair.trim()
    if (text.startsWith(wanted)) return /^[0-9A-Za-z]{43}$/.exec(text.slice(wanted.length))?.[0] ?? null
  }
  return null
}

/** A Set-Cookie line for a cookie of the browser's session; null takes it away. */
export function cookieLine(kind: CookieKind, value: string | null, secure: boolean): string {
  const place = secure ? 'Path=/; Secure' : 'Path=/console'
  const site = kind === 'in' ? 'Lax' : 'Strict'
  const age = value === null ? '; Max-Age=0' : ''
  return `${nameOf(kind, secure)}=${value ?? ''}; ${place}; HttpOnly; SameSite=${site}${age}`
}
