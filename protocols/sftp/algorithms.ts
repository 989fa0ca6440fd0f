import { HYBRID_KEX } from './mlkem.ts'
import type { KexLists } from './ssh-internals.ts'

const CIPHERS: readonly string[] = [
  'aes128-gcm@openssh.com',
  'aes256-gcm@openssh.com',
  'chacha20-poly1305@openssh.com',
  'aes128-ctr',
  'aes192-ctr',
  'aes256-ctr',
]
const KEX: readonly string[] = [
  HYBRID_KEX,
  'curve25519-sha256',
  'curve25519-sha256@libssh.org',
  'ecdh-sha2-nistp256',
]
/** No name of an exchange: it says that this side keeps strict key exchange, against Terrapin. */
const STRICT = 'kex-strict-s-v00@openssh.com'

/** Ciphers that are offered, best first. `chacha`: whether ssh2's chacha20 works here. */
export function offeredCiphers(chacha: boolean): string[] {
  return CIPHERS.filter((name) => chacha || !name.startsWith('chacha20'))
}

/**
 * What is offered. ssh2's own list has key exchanges that it then refuses, SHA-1 and compression before
 * authentication, and host keys that sign with SHA-1 whatever is configured. The plain SHA-2 MACs are for
 * clients on libssh2 below 1.11 (curl of Debian 12), which know neither GCM nor encrypt-then-MAC.
 * `hostKeyTypes`: of the keys that there are, as SSH names them.
 */
export function algorithms(chacha: boolean, hostKeyTypes: readonly string[]): KexLists {
  const both = {
    cipher: offeredCiphers(chacha),
    mac: ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com', 'hmac-sha2-256', 'hmac-sha2-512'],
    compress: ['none'],
    lang: [],
  }
  return { kex: [...KEX, STRICT], serverHostKey: hostKeyTypes.flatMap(signaturesOf), cs: both, sc: both }
}

function signaturesOf(type: string): readonly string[] {
  return type === 'ssh-rsa' ? ['rsa-sha2-512', 'rsa-sha2-256'] : [type]
}
