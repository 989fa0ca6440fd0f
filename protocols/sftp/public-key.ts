import type { PublicKeyAuthContext } from 'ssh2'
import type { SshKeySignature } from '#credentials/proof.ts'
import { fieldsOf } from './ssh-fields.ts'

/** Signature algorithms by type of key; `ssh-rsa` as the name of a signature is SHA-1, and not taken. */
const TYPES: ReadonlySet<string> = new Set([
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
])

/**
 * Whether a client may go on with this key: of a known kind, and the login is a person's, for a key login has
 * a value and no SSH key. Makes the answer name the algorithm as it was asked for.
 */
export function isOfferable(context: PublicKeyAuthContext): boolean {
  const algorithm = algorithmOf(context)
  if (algorithm === null || /^@?api-/.test(context.username)) return false
  // ssh2 would answer `ssh-rsa`, which is another algorithm (RFC 8332, 3.2).
  context.key.algo = algorithm
  return true
}

/** What was signed and how; null when the request holds no signature of a known kind. */
export function signatureOf(context: PublicKeyAuthContext): SshKeySignature | null {
  const algorithm = algorithmOf(context)
  const { signature, blob: signed } = context
  if (algorithm === null || signature === undefined || signed === undefined) return null
  return { blob: context.key.data, algorithm, signature, signed }
}

function algorithmOf({ key, hashAlgo }: PublicKeyAuthContext): string | null {
  const type = fieldsOf(key.data)?.[0]?.toString('latin1')
  if (type !== key.algo) return null
  if (type === 'ssh-rsa') {
    return hashAlgo === 'sha256' ? 'rsa-sha2-256' : hashAlgo === 'sha512' ? 'rsa-sha2-512' : null
  }
  return TYPES.has(type) ? type : null
}
