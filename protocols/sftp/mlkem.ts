import { createHash, createPublicKey, encapsulate } from 'node:crypto'
import { answerPoint } from './x25519.ts'

/** ML-KEM-768 (FIPS 203) together with X25519, as draft-ietf-sshm-mlkem-hybrid-kex puts them together for SSH. */
export const HYBRID_KEX = 'mlkem768x25519-sha256'

const KEM_KEY_LENGTH = 1184
const POINT_LENGTH = 32

export type HybridAnswer = {
  /** S_REPLY: the ciphertext, then the server's point. */
  readonly reply: Buffer
  /** K: 32 bytes, which enter the exchange hash as a string and not as a number. */
  readonly secret: Buffer
}

/**
 * The server's side: answers C_INIT, the client's encapsulation key followed by its point. Throws Error for a
 * wrong length, an encapsulation key that FIPS 203, 7.2 refuses, and a point of small order (RFC 8731, 3).
 */
export function answerHybrid(init: Buffer): HybridAnswer {
  if (init.length !== KEM_KEY_LENGTH + POINT_LENGTH) throw new Error('a C_INIT of a wrong length')
  const key = init.subarray(0, KEM_KEY_LENGTH)
  const kemKey = createPublicKey({ key, format: 'raw-public', asymmetricKeyType: 'ml-kem-768' })
  const { sharedKey, ciphertext } = encapsulate(kemKey)
  const agreed = answerPoint(init.subarray(KEM_KEY_LENGTH))
  return {
    reply: Buffer.concat([ciphertext, agreed.point]),
    secret: createHash('sha256').update(sharedKey).update(agreed.secret).digest(),
  }
}
