import { type Argon2Parameters, argon2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'

const derive = promisify(argon2)

// Longer ones are no passwords: they would only cost work.
const MAX_PASSWORD_LENGTH = 256
const SALT_BYTES = 16

// RFC 9106 §4, the second recommended option with one lane: 64 MiB, three passes.
const COST = { memory: 65_536, passes: 3, parallelism: 1, tagLength: 32 }

const PHC =
  /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,3})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{16,86})$/

/** Argon2id in PHC string form. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES)
  return phc(salt, await derive('argon2id', parameters(password, salt, COST)))
}

/** A PHC string of no password, which costs as much to verify as a real one. */
export function decoyHash(): string {
  return phc(randomBytes(SALT_BYTES), randomBytes(COST.tagLength))
}

function phc(salt: Buffer, tag: Buffer): string {
  const { memory, passes, parallelism } = COST
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${base64(salt)}$${base64(tag)}`
}

/** True when the password made this PHC string. A string of another shape matches nothing. */
export async function verifyPassword(hash: string, password: string): Promise<boolean> {
  const [, memory, passes, parallelism, salt, tag] = PHC.exec(hash) ?? []
  if (salt === undefined || tag === undefined || [...password].length > MAX_PASSWORD_LENGTH) return false
  const expected = Buffer.from(tag, 'base64')
  const cost = {
    memory: Number(memory),
    passes: Number(passes),
    parallelism: Number(parallelism),
    tagLength: expected.length,
  }
  const found = await derive('argon2id', parameters(password, Buffer.from(salt, 'base64'), cost))
  return timingSafeEqual(found, expected)
}

// The same password typed on another system may come decomposed (RFC 8265 §4.2.2).
function parameters(password: string, nonce: Buffer, cost: typeof COST): Argon2Parameters {
  return { message: password.normalize('NFC'), nonce, ...cost }
}

function base64(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '')
}
