import ssh2 from 'ssh2'
import { describe, expect, test } from 'vitest'
import { fingerprint, newHostKey } from '#protocols/sftp/host-key.ts'
import { chachaWorks, cryptoInUse } from '#protocols/sftp/native.ts'

describe('host keys', () => {
  // One in 256 has a leading zero, which ssh2's own generator drops: 1,000 would show it.
  test('each of 1,000 new keys is read back by ssh2 and signs', () => {
    const data = Buffer.from('data')
    for (let i = 0; i < 1000; i++) {
      const key = ssh2.utils.parseKey(newHostKey())
      if (key instanceof Error) throw key
      expect(key.type).toBe('ssh-ed25519')
      expect(key.verify(data, key.sign(data))).toBe(true)
    }
  })

  test('a fingerprint is of the public half; what is no key is told', () => {
    const key = newHostKey()
    expect(fingerprint(key)).toMatch(/^SHA256:[A-Za-z0-9+/]{43}$/)
    expect(fingerprint(key)).toBe(fingerprint(key))
    expect(fingerprint(newHostKey())).not.toBe(fingerprint(key))
    expect(() => fingerprint('no key')).toThrow('host key cannot be read')
  })
})

describe('crypto of ssh2', () => {
  test('it says what it runs on', () => {
    expect(['native', 'javascript']).toContain(cryptoInUse())
  })

  // The addon must be built with `--real_openssl_major=3`, or OpenSSH's first choice of cipher is missing.
  test('chacha20 works for more than one packet', () => {
    expect(chachaWorks()).toBe(true)
  })
})
