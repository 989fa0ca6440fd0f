import type { Algorithms, CipherAlgorithm } from 'ssh2'

const CIPHERS: readonly CipherAlgorithm[] = [
  'aes128-gcm@openssh.com',
  'aes256-gcm@openssh.com',
  'chacha20-poly1305@openssh.com',
  'aes128-ctr',
  'aes192-ctr',
  'aes256-ctr',
]

/** Ciphers that are offered, best first. `chacha`: whether ssh2's chacha20 works here. */
export function offeredCiphers(chacha: boolean): CipherAlgorithm[] {
  return CIPHERS.filter((name) => chacha || !name.startsWith('chacha20'))
}

/**
 * What is offered. ssh2's own list has key exchanges that it then refuses, SHA-1 and compression before
 * authentication; it adds strict key exchange (Terrapin) to whatever is listed. The plain SHA-2 MACs are for
 * clients on libssh2 below 1.11 (curl of Debian 12), which know neither GCM nor encrypt-then-MAC.
 */
export function algorithms(chacha: boolean) {
  return {
    kex: ['curve25519-sha256', 'curve25519-sha256@libssh.org', 'ecdh-sha2-nistp256'],
    cipher: offeredCiphers(chacha),
    hmac: [
      'hmac-sha2-256-etm@openssh.com',
      'hmac-sha2-512-etm@openssh.com',
      'hmac-sha2-256',
      'hmac-sha2-512',
    ],
    compress: ['none'],
  } satisfies Algorithms
}
