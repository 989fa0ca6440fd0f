import { createPublicKey, type JsonWebKey, type KeyObject, verify } from 'node:crypto'
import type { SshKeySignature } from './proof.ts'

/** A public key as it was read from its blob (RFC 4253, 6.6). `bits`: of an RSA modulus, else of the curve. */
export type ReadSshKey = { readonly type: string; readonly bits: number; readonly key: KeyObject }

/** Signature algorithms that are taken, by what they sign with (RFC 8332, RFC 8709, RFC 5656); none with SHA-1. */
const ALGORITHMS: ReadonlyMap<string, { readonly type: string; readonly hash: string | null }> = new Map([
  ['ssh-ed25519', { type: 'ssh-ed25519', hash: null }],
  ['ecdsa-sha2-nistp256', { type: 'ecdsa-sha2-nistp256', hash: 'sha256' }],
  ['ecdsa-sha2-nistp384', { type: 'ecdsa-sha2-nistp384', hash: 'sha384' }],
  ['ecdsa-sha2-nistp521', { type: 'ecdsa-sha2-nistp521', hash: 'sha512' }],
  ['rsa-sha2-256', { type: 'ssh-rsa', hash: 'sha256' }],
  ['rsa-sha2-512', { type: 'ssh-rsa', hash: 'sha512' }],
])

/** A curve's name in SSH, its size in bytes and bits, its name as JWK has it. */
const CURVES: ReadonlyMap<string, { readonly size: number; readonly bits: number; readonly crv: string }> =
  new Map([
    ['nistp256', { size: 32, bits: 256, crv: 'P-256' }],
    ['nistp384', { size: 48, bits: 384, crv: 'P-384' }],
    ['nistp521', { size: 66, bits: 521, crv: 'P-521' }],
  ])
const MOST_RSA_BITS = 16_384

/** The key of a blob; null for a damaged one, and for types that are not known. */
export function readSshKey(blob: Buffer): ReadSshKey | null {
  const [type, ...fields] = fieldsOf(blob) ?? []
  if (type === undefined) return null
  const name = type.toString('latin1')
  const read =
    name === 'ssh-rsa' ? rsaOf(fields) : name === 'ssh-ed25519' ? edOf(fields) : curveOf(name, fields)
  if (read === null) return null
  try {
    return { type: name, bits: read.bits, key: createPublicKey({ key: read.jwk, format: 'jwk' }) }
  } catch {
    return null
  }
}

/** Whether the signature is right. Never throws. */
export function isSigned({ blob, algorithm, signature, signed }: SshKeySignature): boolean {
  const how = ALGORITHMS.get(algorithm)
  const read = readSshKey(blob)
  if (how === undefined || read === null || read.type !== how.type) return false
  try {
    return verify(how.hash, signed, read.key, signature)
  } catch {
    return false
  }
}

type Jwk = { readonly jwk: JsonWebKey; readonly bits: number }

function edOf([x, ...rest]: readonly Buffer[]): Jwk | null {
  if (x === undefined || rest.length > 0) return null
  return { bits: 256, jwk: { kty: 'OKP', crv: 'Ed25519', x: x.toString('base64url') } }
}

function rsaOf([e, n, ...rest]: readonly Buffer[]): Jwk | null {
  if (e === undefined || n === undefined || rest.length > 0 || e.length > 8) return null
  const bits = bitsOf(n)
  if (bits > MOST_RSA_BITS) return null
  return { bits, jwk: { kty: 'RSA', e: e.toString('base64url'), n: n.toString('base64url') } }
}

// Points in uncompressed form only, as RFC 5656, 3.1 lets one choose.
function curveOf(type: string, [curve, point, ...rest]: readonly Buffer[]): Jwk | null {
  const found = CURVES.get(curve?.toString('latin1') ?? '')
  if (found === undefined || point === undefined || rest.length > 0) return null
  const { size, bits, crv } = found
  if (type !== `ecdsa-sha2-${curve}` || point.length !== 1 + 2 * size || point[0] !== 4) return null
  const x = point.subarray(1, 1 + size).toString('base64url')
  return { bits, jwk: { kty: 'EC', crv, x, y: point.subarray(1 + size).toString('base64url') } }
}

function bitsOf(number: Buffer): number {
  const from = number.findIndex((byte) => byte !== 0)
  return from === -1 ? 0 : 8 * (number.length - from) + 24 - Math.clz32(number[from] ?? 0)
}

/** The strings of a blob; null when they do not fill it. */
function fieldsOf(blob: Buffer): Buffer[] | null {
  const fields: Buffer[] = []
  for (let at = 0; at < blob.length; ) {
    if (blob.length - at < 4) return null
    const end = at + 4 + blob.readUInt32BE(at)
    if (end > blob.length) return null
    fields.push(blob.subarray(at + 4, end))
    at = end
  }
  return fields
}
