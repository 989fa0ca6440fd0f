import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
const STEP_MS = 30_000
const DIGITS = 6
const SECRET_BYTES = 20
// One step to either side: clocks of telephones differ, and typing takes a while (RFC 6238 §5.2).
const DRIFT_STEPS = 1

export type TotpOptions = { readonly digits?: number; readonly algorithm?: 'sha1' | 'sha256' | 'sha512' }

/** A new secret: 160 random bits (RFC 4226 §4, R6). */
export function newTotpSecret(): Buffer {
  return randomBytes(SECRET_BYTES)
}

/** The time step of an instant in milliseconds (RFC 6238 §4.2). */
export function stepAt(now: number): number {
  return Math.floor(now / STEP_MS)
}

/** The code of one time step (RFC 6238 §4, RFC 4226 §5.3). */
export function totpCode(secret: Buffer, step: number, options: TotpOptions = {}): string {
  const { digits = DIGITS, algorithm = 'sha1' } = options
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(step))
  const mac = createHmac(algorithm, secret).update(counter).digest()
  const offset = (mac.at(-1) ?? 0) & 0xf
  const number = mac.readUInt32BE(offset) & 0x7fff_ffff
  return String(number % 10 ** digits).padStart(digits, '0')
}

/** The step near `now` whose code this is; null for none. Spaces in the code do not count. */
export function matchTotp(secret: Buffer, text: string, now: number): number | null {
  const code = Buffer.from(text.replace(/\s/g, ''))
  if (code.length !== DIGITS) return null
  let found: number | null = null
  for (let step = stepAt(now) - DRIFT_STEPS; step <= stepAt(now) + DRIFT_STEPS; step++) {
    if (timingSafeEqual(Buffer.from(totpCode(secret, step)), code)) found = step
  }
  return found
}

/** Base32 without padding (RFC 4648 §6): how the secret is typed into an authenticator. */
export function base32(bytes: Buffer): string {
  let text = ''
  let held = 0
  let bits = 0
  for (const byte of bytes) {
    held = (held << 8) | byte
    bits += 8
    while (bits >= 5) {
      bits -= 5
      text += ALPHABET[(held >> bits) & 31]
    }
    held &= (1 << bits) - 1
  }
  return bits === 0 ? text : text + ALPHABET[(held << (5 - bits)) & 31]
}

/** What the QR code holds: the Key URI Format that authenticators read. */
export function totpUri(secret: Buffer, issuer: string, account: string): string {
  const label = `${encodeURIComponent(issuer)}:${encodeURIComponent(account)}`
  return `otpauth://totp/${label}?secret=${base32(secret)}&issuer=${encodeURIComponent(issuer)}`
}

/** What a person's TOTP secret is sealed for. */
export function totpContext(userId: string): string {
  return `totp:${userId}`
}
