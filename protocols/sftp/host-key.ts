import {
  createHash,
  createPrivateKey,
  generateKeyPair,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto'
import { promisify } from 'node:util'
import ssh2, { type ParsedKey } from 'ssh2'
import { field, mpint, u32 } from './ssh-fields.ts'

/** Kinds of host keys, best first: the others are for old clients. */
export const HOST_KEY_KINDS = ['ed25519', 'ecdsa', 'rsa'] as const
export type HostKeyKind = (typeof HOST_KEY_KINDS)[number]

export type RsaHash = 'sha256' | 'sha512'

/** A host key that was read. */
export type HostKey = {
  /** As SSH names it: `ssh-ed25519`, `ecdsa-sha2-nistp256`, `ssh-rsa`. */
  readonly type: string
  /** The public half as SSH writes it (RFC 4253, 6.6). */
  readonly blob: Buffer
  /** `SHA256:…` of the public half, as `ssh-keygen -l` prints it. */
  readonly fingerprint: string
  /** A signature as SSH writes it; of RSA keys with SHA-512 unless told otherwise (RFC 8332). */
  sign(data: Buffer, rsaHash?: RsaHash): Buffer
  /** For ssh2's key exchange. */
  readonly exchangeKey: ParsedKey
}

/** Private keys, PEM or OpenSSH: those in use, and those that are announced to take their place. */
export type HostKeySet = { readonly current: readonly string[]; readonly next: readonly string[] }

const ED25519 = 'ssh-ed25519'
const RSA_BITS = 3072
/** Numbers of key types and of SHA-256 in DNS (RFC 4255, 6594, 7479). */
const SSHFP_TYPES: ReadonlyMap<string, number> = new Map([
  ['ssh-rsa', 1],
  ['ecdsa-sha2-nistp256', 3],
  [ED25519, 4],
])
const SSHFP_SHA256 = 2

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

/** A new host key of this kind: ed25519, ECDSA on P-256, or RSA with 3072 bits, which takes about a second. */
export async function makeHostKey(kind: HostKeyKind): Promise<string> {
  if (kind === 'ed25519') return newHostKey()
  const generate = promisify(generateKeyPair)
  if (kind === 'ecdsa') {
    const { privateKey } = await generate('ec', { namedCurve: 'P-256' })
    return privateKey.export({ type: 'sec1', format: 'pem' }).toString()
  }
  const { privateKey } = await generate('rsa', { modulusLength: RSA_BITS })
  return privateKey.export({ type: 'pkcs1', format: 'pem' }).toString()
}

/** Throws Error when it cannot be read. */
export function readHostKey(pem: string): HostKey {
  const parsed = ssh2.utils.parseKey(pem)
  if (parsed instanceof Error) throw new Error(`host key cannot be read: ${parsed.message}`)
  const { type } = parsed
  const secret = parsed.getPrivatePEM()
  if (secret === null) throw new Error('host key cannot be read: it has no private half')
  const key = createPrivateKey(secret)
  const blob = parsed.getPublicSSH()
  return {
    type,
    blob,
    fingerprint: fingerprintOf(blob),
    sign: (data, rsaHash = 'sha512') => signWith(key, type, data, rsaHash),
    exchangeKey: signingWith(parsed, key),
  }
}

/** ssh2's key, which would read its PEM anew for each signature: that takes longer than to sign. */
function signingWith(parsed: ParsedKey, key: KeyObject): ParsedKey {
  const hash = parsed.type === ED25519 ? null : hashOf(parsed.type)
  return Object.assign(parsed, {
    sign: (data: Buffer | string, algorithm?: string) => sign(algorithm ?? hash, Buffer.from(data), key),
  })
}

/** `SHA256:…` of the public half. Throws when `key` cannot be read. */
export function fingerprint(key: string): string {
  return readHostKey(key).fingerprint
}

/** The record that lets clients find the fingerprint in DNS (RFC 4255); null for types without a number. */
export function sshfpRecord(host: string, { type, blob }: HostKey): string | null {
  const number = SSHFP_TYPES.get(type)
  const digest = createHash('sha256').update(blob).digest('hex')
  return number === undefined ? null : `${host} IN SSHFP ${number} ${SSHFP_SHA256} ${digest}`
}

function fingerprintOf(blob: Buffer): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`
}

function signWith(key: KeyObject, type: string, data: Buffer, rsaHash: RsaHash): Buffer {
  if (type === ED25519) return Buffer.concat([field(type), field(sign(null, data, key))])
  if (type === 'ssh-rsa') {
    return Buffer.concat([field(`rsa-sha2-${rsaHash.slice(3)}`), field(sign(rsaHash, data, key))])
  }
  const pair = sign(hashOf(type), data, { key, dsaEncoding: 'ieee-p1363' })
  const half = pair.length / 2
  const numbers = Buffer.concat([mpint(pair.subarray(0, half)), mpint(pair.subarray(half))])
  return Buffer.concat([field(type), field(numbers)])
}

/** What ECDSA signs by its curve (RFC 5656, 6.2.1). */
function hashOf(type: string): string {
  return type.endsWith('521') ? 'sha512' : type.endsWith('384') ? 'sha384' : 'sha256'
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
    u32(1),
    field(publicHalf),
    field(Buffer.concat([secret, padding])),
  ])
  const lines = file.toString('base64').match(/.{1,70}/g) ?? []
  return ['-----BEGIN OPENSSH PRIVATE KEY-----', ...lines, '-----END OPENSSH PRIVATE KEY-----', ''].join('\n')
}
