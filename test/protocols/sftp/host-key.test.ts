import ssh2 from 'ssh2'
import { describe, expect, test } from 'vitest'
import { fingerprint, newHostKey } from '#protocols/sftp/host-key.ts'
import { cryptoInUse } from '#protocols/sftp/native.ts'

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

  test('a fingerprint is of the public half, as ssh-keygen prints it', () => {
    const key = `-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtz
c2gtZWQyNTUxOQAAACCBOgnHq2S+aMnFJ1taYfcnlTuayvkIDENlXRYmvUgRwQAA
AIg1aQL+NWkC/gAAAAtzc2gtZWQyNTUxOQAAACCBOgnHq2S+aMnFJ1taYfcnlTua
yvkIDENlXRYmvUgRwQAAAEBW/frmakem/OvI6l76vDqNYGh46bMhhZOIIwk5/Y19
DYE6CcerZL5oycUnW1ph9yeVO5rK+QgMQ2VdFia9SBHBAAAAAAECAwQF
-----END OPENSSH PRIVATE KEY-----
`
    expect(fingerprint(key)).toBe('SHA256:G7qR4r5feyLcoqsfA4PB1R0SXA3192rhMTaOC0UzF+M')
    expect(() => fingerprint('no key')).toThrow('host key cannot be read')
  })

  test('ssh2 says which crypto it runs on', () => {
    expect(['native', 'javascript']).toContain(cryptoInUse())
  })
})
