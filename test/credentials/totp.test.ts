import { describe, expect, test } from 'vitest'
import { isRecoveryCode, newRecoveryCodes } from '#credentials/recovery.ts'
import { base32, matchTotp, newTotpSecret, stepAt, totpCode, totpUri } from '#credentials/totp.ts'

const SHA1 = Buffer.from('12345678901234567890')
const SHA256 = Buffer.from('12345678901234567890123456789012')
const SHA512 = Buffer.from('1234567890123456789012345678901234567890123456789012345678901234')

describe('TOTP', () => {
  test.each([
    [59, '94287082', '46119246', '90693936'],
    [1111111109, '07081804', '68084774', '25091201'],
    [1111111111, '14050471', '67062674', '99943326'],
    [1234567890, '89005924', '91819424', '93441116'],
    [2000000000, '69279037', '90698825', '38618901'],
    [20000000000, '65353130', '77737706', '47863826'],
  ])('RFC 6238, appendix B: %i seconds', (seconds, sha1, sha256, sha512) => {
    const step = stepAt(seconds * 1000)
    expect(totpCode(SHA1, step, { digits: 8 })).toBe(sha1)
    expect(totpCode(SHA256, step, { digits: 8, algorithm: 'sha256' })).toBe(sha256)
    expect(totpCode(SHA512, step, { digits: 8, algorithm: 'sha512' })).toBe(sha512)
  })

  test('a code fits its own step and those beside it, and no other', () => {
    const now = 1_800_000_000_000
    const code = totpCode(SHA1, stepAt(now))
    for (const drift of [-30_000, 0, 30_000]) expect(matchTotp(SHA1, code, now + drift)).toBe(stepAt(now))
    expect(matchTotp(SHA1, code, now + 60_000)).toBeNull()
    expect(matchTotp(SHA1, code, now - 60_000)).toBeNull()
    expect(matchTotp(SHA1, `${code.slice(0, 3)} ${code.slice(3)}`, now)).toBe(stepAt(now))
    for (const wrong of ['', '12345', '1234567', 'abcdef', '１２３４５６']) {
      expect(matchTotp(SHA1, wrong, now)).toBeNull()
    }
  })

  test.each([
    ['', ''],
    ['f', 'MY'],
    ['fo', 'MZXQ'],
    ['foo', 'MZXW6'],
    ['foob', 'MZXW6YQ'],
    ['fooba', 'MZXW6YTB'],
    ['foobar', 'MZXW6YTBOI'],
  ])('base32 of RFC 4648: %s', (text, coded) => expect(base32(Buffer.from(text))).toBe(coded))

  test('the QR code names issuer, account and secret', () => {
    const secret = newTotpSecret()
    expect(secret).toHaveLength(20)
    expect(totpUri(secret, 'Latchkey', 'ann@main site')).toBe(
      `otpauth://totp/Latchkey:ann%40main%20site?secret=${base32(secret)}&issuer=Latchkey`,
    )
  })
})

test('recovery codes: ten different ones, told apart from codes of an authenticator', () => {
  const codes = newRecoveryCodes()
  expect(new Set(codes).size).toBe(10)
  for (const code of codes) expect(isRecoveryCode(code)).toBe(true)
  for (const other of ['123456', '12345678901', '']) expect(isRecoveryCode(other)).toBe(false)
  expect(isRecoveryCode('ABCDE FGHJK')).toBe(true)
})
