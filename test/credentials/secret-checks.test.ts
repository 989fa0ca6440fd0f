import { expect, test } from 'vitest'
import { createSealer, newMasterKey } from '#credentials/sealing.ts'
import { createSecretChecks } from '#credentials/secret-checks.ts'
import { digestValue, newPepper, pepperFrom } from '#credentials/values.ts'

test('a digest is the HMAC of the value each time, also after many others', () => {
  const pepper = pepperFrom(newPepper())
  const masterKey = newMasterKey()
  const { digest } = createSecretChecks({ pepper, sealer: createSealer(() => [masterKey]) })
  const values = Array.from({ length: 1_500 }, (_, i) => `lk_value ${i} ä`)
  for (let round = 0; round < 2; round++) {
    for (const value of values) expect(digest(value).equals(digestValue(pepper, value))).toBe(true)
  }
  expect(digest('a').equals(digest('b'))).toBe(false)
})
