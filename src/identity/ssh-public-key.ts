import { createHash } from 'node:crypto'
import { readSshKey } from '#credentials/ssh-public-key.ts'
import { Fault } from '#faults'

/** An SSH public key as it was read: type, blob (RFC 4253, 6.6), `SHA256:…` of it, and the line's comment. */
export type SshPublicKey = {
  readonly type: string
  readonly blob: Buffer
  readonly fingerprint: string
  readonly comment: string
}

const MAX_LINE_LENGTH = 16_384
const LEAST_RSA_BITS = 2048
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/
const TYPE = /^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521))$/

/**
 * Reads the one line of an OpenSSH public key file: `ssh-ed25519 AAAA… comment`. Fault `invalid` for anything
 * else, and for keys that are too weak: DSA, RSA below 2048 bits.
 */
export function readSshPublicKey(line: string): SshPublicKey {
  const text = line.trim()
  if (text.includes('PRIVATE KEY')) {
    throw new Fault('invalid', 'this is a private key: keep it secret, and give the .pub file instead')
  }
  if (text.length > MAX_LINE_LENGTH || /[\r\n]/.test(text)) {
    throw new Fault('invalid', 'an SSH public key is one line, as in a .pub file')
  }
  const [type = '', base64 = '', ...words] = text.split(/[ \t]+/)
  if (!BASE64.test(base64)) {
    throw new Fault('invalid', 'an SSH public key looks like: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5… comment')
  }
  const blob = Buffer.from(base64, 'base64')
  checkKey(type, blob)
  return { type, blob, fingerprint: fingerprintOf(blob), comment: words.join(' ') }
}

function checkKey(type: string, blob: Buffer): void {
  if (type === 'ssh-dss') throw new Fault('invalid', 'DSA keys are too weak: make an ed25519 key')
  if (!TYPE.test(type)) {
    throw new Fault('invalid', `SSH keys are of type ed25519, ecdsa or rsa, not '${type.slice(0, 50)}'`)
  }
  const read = readSshKey(blob)
  if (read === null || read.type !== type) throw new Fault('invalid', 'this SSH public key is damaged')
  if (type === 'ssh-rsa' && read.bits < LEAST_RSA_BITS) {
    const bits = `${read.bits} bits, and needs ${LEAST_RSA_BITS}`
    throw new Fault('invalid', `this RSA key has ${bits}: make an ed25519 key`)
  }
}

/** `SHA256:…` of a public key's blob, as `ssh-keygen -l` prints it. */
function fingerprintOf(blob: Buffer): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`
}
