import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls'

/** One certificate with its chain, its key, and the names that it is for. */
export type CertificatePair = {
  /** PEM: the certificate, then those that lead to its root. */
  readonly cert: string
  /** PEM, not encrypted. */
  readonly key: string
  /** Lower case, wildcards (`*.example.org`) as they stand in the certificate. */
  readonly names: readonly string[]
  /** Milliseconds since the epoch. */
  readonly validTo: number
  /** Ready for connections that need nothing of their own. */
  readonly context: SecureContext
}

/** A certificate or key that cannot be used; the message says why, without the key. */
export class CertificateError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'CertificateError'
  }
}

/**
 * What every TLS listener agrees on: 1.2 and 1.3, forward secrecy, authenticated ciphers (the "intermediate"
 * set of Mozilla's server guide, whose DHE ciphers are for old clients without elliptic curves).
 */
export const TLS_SETTINGS = {
  minVersion: 'TLSv1.2',
  ciphers: [
    ...['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'],
    ...['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-GCM-SHA256'],
    ...['ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-RSA-AES256-GCM-SHA384'],
    ...['ECDHE-ECDSA-CHACHA20-POLY1305', 'ECDHE-RSA-CHACHA20-POLY1305'],
    ...['DHE-RSA-AES128-GCM-SHA256', 'DHE-RSA-AES256-GCM-SHA384', 'DHE-RSA-CHACHA20-POLY1305'],
  ].join(':'),
  dhparam: 'auto',
  // A resumed session is only taken back by the service that gave it.
  sessionIdContext: 'latchkey',
} as const satisfies SecureContextOptions

/** Reads a pair and makes sure that the two belong together. Throws CertificateError. */
export function readPair(cert: string, key: string): CertificatePair {
  const leaf = readLeaf(cert)
  if (!leaf.checkPrivateKey(readKey(key))) {
    throw new CertificateError('the key does not belong to the certificate')
  }
  try {
    const context = createSecureContext({ ...TLS_SETTINGS, cert, key })
    return { cert, key, names: namesOf(leaf), validTo: leaf.validToDate.getTime(), context }
  } catch (error) {
    throw new CertificateError(`OpenSSL refuses the certificate: ${reasonOf(error)}`)
  }
}

function readLeaf(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem)
  } catch {
    throw new CertificateError('the certificate is no PEM certificate')
  }
}

function readKey(pem: string): KeyObject {
  if (/ENCRYPTED/.test(pem))
    throw new CertificateError('the key is encrypted: it must be without a passphrase')
  try {
    return createPrivateKey(pem)
  } catch {
    throw new CertificateError('the key is no PEM private key')
  }
}

/** DNS names and addresses of the subjectAltName; the common name when there are none. */
function namesOf(leaf: X509Certificate): string[] {
  const names: string[] = []
  for (const [, , name] of (leaf.subjectAltName ?? '').matchAll(/(DNS|IP Address):([^,\s"]+)/g)) {
    if (name !== undefined) names.push(name.toLowerCase())
  }
  if (names.length > 0) return names
  const commonName = /^CN=(.+)$/m.exec(leaf.subject)?.[1]
  return commonName === undefined ? [] : [commonName.toLowerCase()]
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
