import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createWritten } from '#protocols/sftp/written.ts'

/** What an array of bytes would say. */
function model(size: number, foreign: boolean) {
  const bytes: boolean[] = new Array(size).fill(true)
  let untouchable = foreign ? size : 0
  let spoiled = false
  return {
    add(position: number, length: number) {
      if (position < untouchable) spoiled = true
      while (bytes.length < position + length) bytes.push(false)
      bytes.fill(true, position, position + length)
    },
    truncate(length: number) {
      untouchable = Math.min(untouchable, length)
      bytes.length = Math.min(bytes.length, length)
    },
    solid: () => (spoiled ? 0 : bytes.includes(false) ? bytes.indexOf(false) : bytes.length),
  }
}

describe('how far a file that is being written has no holes', () => {
  test('bytes that are ahead count when the hole is filled', () => {
    const written = createWritten(0, false)
    written.add(10, 10)
    written.add(30, 10)
    expect(written.solid()).toBe(0)
    written.add(0, 10)
    expect(written.solid()).toBe(20)
    written.add(20, 10)
    expect(written.solid()).toBe(40)
  })

  test('what was published and then written over in part is no beginning of anything', () => {
    const written = createWritten(100, true)
    written.add(100, 50)
    expect(written.solid()).toBe(150)
    written.add(99, 1)
    expect(written.solid()).toBe(0)
  })

  test('any order of writes and truncations gives what the bytes say', () => {
    const small = fc.nat({ max: 40 })
    const steps = fc.array(
      fc.oneof(
        fc.record({ at: small, length: fc.integer({ min: 1, max: 12 }) }),
        fc.record({ truncate: small }),
      ),
      { maxLength: 40 },
    )
    fc.assert(
      fc.property(small, fc.boolean(), steps, (size, foreign, doings) => {
        const written = createWritten(size, foreign)
        const expected = model(size, foreign)
        for (const doing of doings) {
          for (const one of [written, expected]) {
            if ('truncate' in doing) one.truncate(doing.truncate)
            else one.add(doing.at, doing.length)
          }
          expect(written.solid()).toBe(expected.solid())
        }
      }),
    )
  })

  test('a client that writes everywhere costs no memory: what is far ahead is forgotten', () => {
    const written = createWritten(0, false)
    for (let at = 1000; at > 0; at--) written.add(at * 10, 5)
    written.add(0, 10_000)
    expect(written.solid()).toBeGreaterThanOrEqual(10_000)
    expect(written.solid()).toBeLessThanOrEqual(10_005)
  })
})
