import { digestValue, type Pepper, randomText } from './values.ts'

const CODES = 10
// Without letters and digits that are taken for each other.
const ALPHABET = 'abcdefghjkmnpqrstuvwxyz23456789'
const HALF = 5

/** Ten new recovery codes, about 49 bits each: `kx3f9-7mq2d`. */
export function newRecoveryCodes(): readonly string[] {
  return Array.from({ length: CODES }, () => `${randomText(HALF, ALPHABET)}-${randomText(HALF, ALPHABET)}`)
}

/** True for text of a recovery code's shape, however it is spaced. */
export function isRecoveryCode(text: string): boolean {
  return plain(text).length === 2 * HALF
}

/** What is kept of a recovery code: HMAC under the pepper. */
export function recoveryDigest(pepper: Pepper, userId: string, code: string): Buffer {
  return digestValue(pepper, `recovery\0${userId}\0${plain(code)}`)
}

function plain(text: string): string {
  return text.toLowerCase().replace(/[\s-]/g, '')
}
