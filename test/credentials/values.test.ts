import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  digestValue,
  maskValue,
  newAccessKeyPair,
  newKeyId,
  newKeyValue,
  newPepper,
  pepperFrom,
  randomText,
  readValue,
  sameDigest,
  VALUE_LENGTH,
} from '#credentials/values.ts'

const value = newKeyValue('Ab3dEf7h')

describe('key values (K5)', () => {
  test('a value is 50 characters, carries its key id, and is read back', () => {
    expect(value).toHaveLength(VALUE_LENGTH)
    expect(value).toMatch(/^lk_Ab3dEf7h_[0-9A-Za-z]{38}$/)
    expect(readValue(value)).toEqual({ kind: 'generated', keyId: 'Ab3dEf7h' })
  })

  test('any single wrong character is known as a typing error without a look-up', () => {
    fc.assert(
      fc.property(fc.integer({ min: 3, max: 49 }), fc.constantFrom(...'09AZaz_-'), (at, letter) => {
        fc.pre(value[at] !== letter)
        const typed = value.slice(0, at) + letter + value.slice(at + 1)
        expect(readValue(typed).kind).toBe('mistyped')
      }),
      { numRuns: 1_000 },
    )
  })

  test.each([value.slice(0, 49), `${value}x`, 'lk_', `lk_${'x'.repeat(47)}`])('%j is mistyped', (text) => {
    expect(readValue(text).kind).toBe('mistyped')
  })

  test.each(['', 'guest', 'correct horse battery', value.slice(1)])('%j is a chosen value', (text) => {
    expect(readValue(text).kind).toBe('chosen')
  })

  test('K4: the masked form shows nothing that helps to guess', () => {
    expect(maskValue(value)).toBe(`lk_Ab3dEf7h_…${value.slice(-4)}`)
    expect(maskValue('a chosen value')).toBe('…')
  })

  test('values, ids and pairs do not repeat and have their shape', () => {
    const many = Array.from({ length: 2_000 }, () => newKeyValue('aaaaaaaa'))
    expect(new Set(many).size).toBe(many.length)
    expect(newKeyId()).toMatch(/^[0-9A-Za-z]{8}$/)
    expect(newAccessKeyPair()).toEqual({
      accessKeyId: expect.stringMatching(/^LK[0-9A-Z]{18}$/),
      secretAccessKey: expect.stringMatching(/^[0-9A-Za-z]{40}$/),
    })
  })

  test('random text uses every letter about equally often', () => {
    const counts = new Map<string, number>()
    for (const letter of randomText(62_000)) counts.set(letter, (counts.get(letter) ?? 0) + 1)
    expect(counts.size).toBe(62)
    // 1,000 expected each; 200 is more than six standard deviations.
    for (const count of counts.values()) expect(Math.abs(count - 1_000)).toBeLessThan(200)
  })

  test('a digest depends on the value and on the pepper', () => {
    const pepper = pepperFrom(newPepper())
    expect(sameDigest(digestValue(pepper, value), digestValue(pepper, value))).toBe(true)
    expect(sameDigest(digestValue(pepper, value), digestValue(pepper, `${value}x`))).toBe(false)
    expect(sameDigest(digestValue(pepper, value), digestValue(pepperFrom(newPepper()), value))).toBe(false)
    expect(sameDigest(Buffer.alloc(32), Buffer.alloc(31))).toBe(false)
  })
})
