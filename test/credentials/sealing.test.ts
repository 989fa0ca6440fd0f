import { describe, expect, test } from 'vitest'
import { createSealer, newMasterKey, pairContext } from '#credentials/sealing.ts'

const old = newMasterKey()
const current = newMasterKey()
const sealer = createSealer(() => [current, old])

describe('sealing (K12)', () => {
  test('what was sealed is opened again, and looks different each time', () => {
    const sealed = sealer.seal('secret', pairContext('k1', 1))
    expect(sealer.open(sealed, pairContext('k1', 1)).toString()).toBe('secret')
    expect(sealed.includes('secret')).toBe(false)
    expect(sealer.seal('secret', pairContext('k1', 1))).not.toEqual(sealed)
  })

  test('it does not open in another row, for another version, or changed by one bit', () => {
    const sealed = sealer.seal('secret', pairContext('k1', 1))
    expect(() => sealer.open(sealed, pairContext('k2', 1))).toThrow()
    expect(() => sealer.open(sealed, pairContext('k1', 2))).toThrow()
    for (let at = 4; at < sealed.length; at++) {
      const changed = Buffer.from(sealed)
      changed[at] = (changed[at] ?? 0) ^ 1
      expect(() => sealer.open(changed, pairContext('k1', 1)), `byte ${at}`).toThrow()
    }
    expect(() => sealer.open(Buffer.alloc(0), 'x')).toThrow()
    expect(() => sealer.open(sealed.subarray(0, 20), pairContext('k1', 1))).toThrow()
  })

  test('an older master key still opens, and what it sealed is known as outdated', () => {
    const sealed = createSealer(() => [old]).seal('secret', 'c')
    expect(sealer.open(sealed, 'c').toString()).toBe('secret')
    expect(sealer.isOutdated(sealed)).toBe(true)
    expect(sealer.isOutdated(sealer.seal('secret', 'c'))).toBe(false)
    expect(() => createSealer(() => [current]).open(sealed, 'c')).toThrow(/master key .* not there/)
  })

  test('a rotation by another process is noticed by what it sealed, and before the next sealing', () => {
    let keys: [typeof old, ...(typeof old)[]] = [old]
    const running = createSealer(() => keys)
    keys = [current, old]
    expect(running.open(sealer.seal('secret', 'c'), 'c').toString()).toBe('secret')
    expect(sealer.isOutdated(running.seal('secret', 'c'))).toBe(false)
  })
})
