import { createPublicKey, diffieHellman, generateKeyPairSync } from 'node:crypto'

export type Agreed = {
  /** The point of a key pair that was made for this answer. */
  readonly point: Buffer
  readonly secret: Buffer
}

/** Answers a client's point. Throws Error for a wrong length, and for a point of small order (RFC 8731, 3). */
export function answerPoint(theirs: Buffer): Agreed {
  const { publicKey, privateKey } = generateKeyPairSync('x25519')
  const given = createPublicKey({ key: theirs, format: 'raw-public', asymmetricKeyType: 'x25519' })
  const secret = diffieHellman({ privateKey, publicKey: given })
  return { point: publicKey.export({ format: 'raw-public' }), secret }
}
