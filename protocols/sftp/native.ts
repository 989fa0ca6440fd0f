import { createRequire } from 'node:module'

const CHACHA = 'chacha20-poly1305@openssh.com'

/**
 * Which crypto ssh2 runs on. It falls back to JavaScript, 2 to 4 times slower, without a word when its
 * addon does not load (wrong Node headers), so the door asks and tells.
 */
export function cryptoInUse(): 'native' | 'javascript' {
  return cryptoPart('bindingAvailable') === true ? 'native' : 'javascript'
}

/**
 * False when the addon was built without `--real_openssl_major`: it loads, and its chacha20, which OpenSSH
 * takes first, fails with the second packet.
 */
export function chachaWorks(): boolean {
  const createCipher = cryptoPart('createCipher')
  const infos = cryptoPart('CIPHER_INFO')
  if (cryptoInUse() === 'javascript') return true
  if (typeof createCipher !== 'function' || typeof infos !== 'object' || infos === null) return false
  const cipherInfo: unknown = Reflect.get(infos, CHACHA)
  const keys = { cipherKey: Buffer.alloc(64), cipherIV: Buffer.alloc(0) }
  try {
    const cipher = createCipher({ outbound: { seqno: 0, onWrite() {}, cipherInfo, ...keys } })
    for (let i = 0; i < 2; i++) cipher.encrypt(cipher.allocPacket(16))
    return true
  } catch {
    return false
  }
}

/** Not part of ssh2's interface; its version is pinned, and tests read what is used here. */
function cryptoPart(name: string): unknown {
  const crypto: unknown = createRequire(import.meta.url)('ssh2/lib/protocol/crypto.js')
  return typeof crypto === 'object' && crypto !== null ? Reflect.get(crypto, name) : undefined
}
