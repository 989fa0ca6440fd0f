import type { Argon2Parameters } from 'node:crypto'
import { vi } from 'vitest'

/**
 * Hashing a password is made to cost 64 MiB and a tenth of a second, and some tests do it hundreds of times. Here what
 * our own hashes ask for costs little; any other cost is real.
 */
vi.mock(import('node:crypto'), async (importOriginal) => {
  const crypto = await importOriginal()
  const argon2: typeof crypto.argon2 = (algorithm, parameters, callback) =>
    crypto.argon2(algorithm, isOurs(parameters) ? { ...parameters, ...CHEAP } : parameters, callback)
  return { ...crypto, argon2 }
})

const CHEAP = { memory: 1_024, passes: 1 }

function isOurs({ memory, passes }: Argon2Parameters): boolean {
  return memory === 65_536 && passes === 3
}
