import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto'
import ssh2 from 'ssh2'

const ED25519 = 'ssh-ed25519'

/**
 * A new ed25519 host key as an OpenSSH private key file, unencrypted. Not from ssh2's own generator: one in
 * 256 of its ed25519 keys cannot be read back (it drops a leading zero byte).
 */
export function newHostKey(): string {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const point = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url')
  const seed = Buffer.from(privateKey.export({ format: 'jwk' }).d ?? '', 'base64url')
  return openSshFile(point, seed)
}

/** `SHA256:…` of the public half, as `ssh-keygen -l` prints it. Throws when `key` cannot be read. */
export function fingerprint(key: string): string {
  const parsed = ssh2.utils.parseKey(key)
  if (parsed instanceof Error) throw new Error(`host key cannot be read: ${parsed.message}`)
  const digest = createHash('sha256').update(parsed.getPublicSSH()).digest('base64')
  return `SHA256:${digest.replace(/=+$/, '')}`
}

/** OpenSSH's PROTOCOL.key: cipher and derivation `none`, one key. */
function openSshFile(point: Buffer, seed: Buffer): string {
  const publicHalf = Buffer.concat([field(ED25519), field(point)])
  const check = randomBytes(4)
  const secret = Buffer.concat([check, check, publicHalf, field(Buffer.concat([seed, point])), field('')])
  const padding = Buffer.from([1, 2, 3, 4, 5, 6, 7, 8].slice(0, (8 - (secret.length % 8)) % 8))
  const file = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    field('none'),
    field('none'),
    field(''),
    Buffer.from([0, 0, 0, 1]),
    field(publicHalf),
    field(Buffer.concat([secret, padding])),
  ])
  const lines = file.toString('base64').match(/.{1,70}/g) ?? []
  return ['-----BEGIN OPENSSH PRIVATE KEY-----', ...lines, '-----END OPENSSH PRIVATE KEY-----', ''].join('\n')
}

function field(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}
