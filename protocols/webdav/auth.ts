import type { IncomingMessage } from 'node:http'
import { TextDecoder } from 'node:util'
import type { Gate } from '#credentials/gate.ts'
import type { Proof } from '#credentials/proof.ts'
import { Fault } from '#faults'
import { clientAddress, type TrustedProxies } from '#net/proxy.ts'
import type { Principal } from '#permissions/principal.ts'

/** Who a connection is, as far as the wire tells. */
export type Caller = { readonly address: string; readonly client: string }

/** Reads who calls from a request. */
export function callerOf(request: IncomingMessage, proxies: TrustedProxies): Caller {
  return {
    address: clientAddress(request, proxies),
    client: (request.headers['user-agent'] ?? '').slice(0, 200),
  }
}

/** Asks the gate who calls. Faults: unauthenticated, rate_limited, unavailable. */
export async function authenticate(
  gate: Gate,
  request: IncomingMessage,
  caller: Caller,
  siteId: string | null,
): Promise<Principal> {
  const proof = readProof(request.headers.authorization)
  if (proof === null) throw refused()
  const site = siteId ?? (await gate.siteOfHost(hostName(request.headers.host ?? '')))
  const result = await gate.login({ door: 'webdav', proof, siteId: site, ...caller })
  if (result.ok) return result.principal
  if (result.retryAfter === null) throw refused()
  throw new Fault('rate_limited', 'too many attempts', { retryAfter: result.retryAfter })
}

function refused(): Fault {
  return new Fault('unauthenticated', 'log in with a key')
}

/** The host of a Host header, without port, in lower case. */
export function hostName(header: string): string {
  return header
    .toLowerCase()
    .replace(/:\d*$/, '')
    .replace(/^\[|\]$/g, '')
}

/** What an Authorization header presents; null for what is no Basic login (RFC 7617). */
export function readProof(header: string | undefined): Proof | null {
  if (header === undefined) return { kind: 'none' }
  const encoded = /^basic +([A-Za-z0-9+/_-]*={0,2}) *$/i.exec(header)?.[1]
  if (encoded === undefined) return null
  const text = decodeText(Buffer.from(encoded, 'base64'))
  const colon = text.indexOf(':')
  if (colon < 0) return null
  return { kind: 'password', login: text.slice(0, colon), password: text.slice(colon + 1) }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

// Clients that do not know `charset="UTF-8"` send Latin-1.
function decodeText(bytes: Buffer): string {
  try {
    return UTF8.decode(bytes)
  } catch {
    return bytes.toString('latin1')
  }
}
