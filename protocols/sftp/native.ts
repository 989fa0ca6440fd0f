import { createRequire } from 'node:module'

/**
 * Which crypto ssh2 runs on. It falls back to JavaScript, 2 to 4 times slower, without a word when its
 * addon does not load (wrong Node headers), so the door asks and tells.
 */
export function cryptoInUse(): 'native' | 'javascript' {
  // Not part of ssh2's interface; the version is pinned and a test reads it.
  const crypto: unknown = createRequire(import.meta.url)('ssh2/lib/protocol/crypto.js')
  const native = typeof crypto === 'object' && crypto !== null && Reflect.get(crypto, 'bindingAvailable')
  return native === true ? 'native' : 'javascript'
}
