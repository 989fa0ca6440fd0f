import {
  createHash,
  createPublicKey,
  diffieHellman,
  encapsulate,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto'

/** ML-KEM-768 (FIPS 203) together with X25519, as draft-ietf-sshm-mlkem-hybrid-kex puts them together for SSH. */
export const HYBRID_KEX = 'mlkem768x25519-sha256'

const KEM_KEY_LENGTH = 1184
const POINT_LENGTH = 32
// SubjectPublicKeyInfo up to the key itself (RFC 9935, RFC 8410).
const KEM_PREFIX = Buffer.from('308204b2300b0609608648016503040402038204a100', 'hex')
const POINT_PREFIX = Buffer.from('302a300506032b656e032100', 'hex')

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
  const kemKey = publicKey(KEM_PREFIX, init.subarray(0, KEM_KEY_LENGTH))
  const { sharedKey, ciphertext } = encapsulate(kemKey)
  const own = generateKeyPairSync('x25519')
  const agreed = diffieHellman({
    privateKey: own.privateKey,
    publicKey: publicKey(POINT_PREFIX, init.subarray(KEM_KEY_LENGTH)),
  })
  const point = own.publicKey.export({ type: 'spki', format: 'der' }).subarray(POINT_PREFIX.length)
  return {
    reply: Buffer.concat([ciphertext, point]),
    secret: createHash('sha256').update(sharedKey).update(agreed).digest(),
  }
}

function publicKey(prefix: Buffer, bytes: Buffer): KeyObject {
  return createPublicKey({ key: Buffer.concat([prefix, bytes]), type: 'spki', format: 'der' })
}
