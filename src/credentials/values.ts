import { createHmac, createSecretKey, type KeyObject, randomBytes, timingSafeEqual } from 'node:crypto'
import { crc32 } from 'node:zlib'

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const UPPER36 = BASE62.slice(0, 36)

const ID_LENGTH = 8
const RANDOM_LENGTH = 32
const CHECK_LENGTH = 6
/** Length of every generated value; some clients cut longer passwords (REQUIREMENTS.md, K5). */
export const VALUE_LENGTH = 50
const GENERATED = /^lk_([0-9A-Za-z]{8})_[0-9A-Za-z]{38}$/

/** Keys the digests of values; kept sealed in the database, never in the clear. */
export type Pepper = KeyObject

/** What a presented value is before any look-up. */
export type ReadValue =
  | { readonly kind: 'generated'; readonly keyId: string }
  /** Shaped like a generated value but its checksum is wrong: a typing error, or cut short. */
  | { readonly kind: 'mistyped' }
  /** Not of Latchkey's shape: a value that somebody chose, or nonsense. */
  | { readonly kind: 'chosen' }

/** Uniform random text over an alphabet of at most 256 characters. */
export function randomText(length: number, alphabet = BASE62): string {
  const limit = 256 - (256 % alphabet.length)
  let text = ''
  while (text.length < length) {
    for (const byte of randomBytes(length * 2)) {
      if (byte < limit && text.length < length) text += alphabet[byte % alphabet.length]
    }
  }
  return text
}

/** 8 base62 characters, not digits only: a name may not be either. */
export function newKeyId(): string {
  const id = randomText(ID_LENGTH)
  return /^\d+$/.test(id) ? newKeyId() : id
}

/** `lk_` + key id + `_` + 32 random base62 + 6 base62 of the CRC-32 over what precedes. */
export function newKeyValue(keyId: string): string {
  const body = `lk_${keyId}_${randomText(RANDOM_LENGTH)}`
  return body + checksum(body)
}

/** An S3 pair: 20 and 40 characters, as S3 clients expect them. */
export function newAccessKeyPair(): { accessKeyId: string; secretAccessKey: string } {
  return { accessKeyId: `LK${randomText(18, UPPER36)}`, secretAccessKey: randomText(40) }
}

/** Tells a generated value from a mistyped and a chosen one without a look-up. */
export function readValue(value: string): ReadValue {
  if (!value.startsWith('lk_')) return { kind: 'chosen' }
  const keyId = GENERATED.exec(value)?.[1]
  if (keyId === undefined) return { kind: 'mistyped' }
  const cut = VALUE_LENGTH - CHECK_LENGTH
  return checksum(value.slice(0, cut)) === value.slice(cut)
    ? { kind: 'generated', keyId }
    : { kind: 'mistyped' }
}

/** What lists show: enough to recognise a value by, useless to guess it from. */
export function maskValue(value: string): string {
  return readValue(value).kind === 'generated' ? `${value.slice(0, 12)}…${value.slice(-4)}` : '…'
}

/** HMAC-SHA-256(pepper, value): what is stored of a generated value. 32 bytes. */
export function digestValue(pepper: Pepper, value: string): Buffer {
  return createHmac('sha256', pepper).update(value).digest()
}

/**
 * 16 bits of an HMAC: what is stored beside a chosen value, so that a bearer of it is found without trying
 * every key, and too little to check a guess with. Normalised as `passwords.ts` does before it hashes.
 */
export function bucketOf(pepper: Pepper, value: string): number {
  return createHmac('sha256', pepper)
    .update('bucket\0')
    .update(value.normalize('NFC'))
    .digest()
    .readUInt16BE()
}

/** Compares two digests in constant time. */
export function sameDigest(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}

export function newPepper(): Buffer {
  return randomBytes(32)
}

export function pepperFrom(bytes: Buffer): Pepper {
  return createSecretKey(bytes)
}

function checksum(body: string): string {
  let rest = crc32(body)
  let text = ''
  for (let i = 0; i < CHECK_LENGTH; i++) {
    text = BASE62[rest % 62] + text
    rest = Math.floor(rest / 62)
  }
  return text
}
