import type { Algorithms } from 'ssh2'

/**
 * What is offered, best first. ssh2's own list has key exchanges that it then refuses, SHA-1 and compression
 * before authentication; it adds strict key exchange (Terrapin) to whatever is listed. The plain SHA-2 MACs
 * are for clients on libssh2 below 1.11 (curl of Debian 12), which know neither GCM nor encrypt-then-MAC.
 */
export const ALGORITHMS: Algorithms = {
  kex: ['curve25519-sha256', 'curve25519-sha256@libssh.org', 'ecdh-sha2-nistp256'],
  cipher: [
    'aes128-gcm@openssh.com',
    'aes256-gcm@openssh.com',
    'chacha20-poly1305@openssh.com',
    'aes128-ctr',
    'aes192-ctr',
    'aes256-ctr',
  ],
  hmac: ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com', 'hmac-sha2-256', 'hmac-sha2-512'],
  compress: ['none'],
}
