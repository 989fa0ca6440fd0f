import type { Argon2Parameters } from 'node:crypto'
import { vi } from 'vitest'

/**
 * Hashing passwords is made to cost 64 MiB and a tenth of a second; some tests do it hundreds of times. With this
 * little memory the work is the same, and so are its callers.
 */
vi.mock(import('node:crypto'), async (importOriginal) => {
  const crypto = await importOriginal()
  const argon2: typeof crypto.argon2 = (algorithm, parameters, callback) =>
    crypto.argon2(algorithm, cheap(parameters), callback)
  return { ...crypto, argon2 }
})

function cheap(parameters: Argon2Parameters): Argon2Parameters {
  return { ...parameters, memory: Math.min(parameters.memory, 1_024), passes: 1 }
}
