import { describe, expect, test } from 'vitest'
import { type MakeDatabase, NOW } from './fixtures.ts'

const HOUR = 3_600_000

export function throttleSuite(make: MakeDatabase): void {
  describe('counts of wrong guesses (R2)', () => {
    test('nodes add up, many at once, and each reads what changed since', async () => {
      await using database = await make()
      const [one, two] = [await database.open(), await database.open()]
      const many = Array.from({ length: 1_200 }, (_, at) => ({
        bucket: `address ${at}`,
        failures: 1,
        at: NOW,
      }))
      await one.throttle.add(many, NOW - HOUR)
      await two.throttle.add([{ bucket: 'address 7', failures: 4, at: NOW + 5 }], NOW - HOUR)
      await one.throttle.add([{ bucket: 'address 7', failures: 1, at: NOW + 1 }], NOW - HOUR)
      expect(await one.throttle.since(NOW + 1)).toEqual([{ bucket: 'address 7', failures: 6, at: NOW + 5 }])
      expect(await two.throttle.since(NOW)).toHaveLength(1_200)
    })

    test('a count starts anew when its last guess is long ago', async () => {
      await using database = await make()
      const { throttle } = await database.open()
      await throttle.add([{ bucket: 'login x', failures: 9, at: NOW }], NOW - HOUR)
      await throttle.add([{ bucket: 'login x', failures: 1, at: NOW + HOUR }], NOW)
      expect(await throttle.since(NOW)).toEqual([{ bucket: 'login x', failures: 1, at: NOW + HOUR }])
    })

    test('old counts are deleted; that an address proved a login is kept longer', async () => {
      await using database = await make()
      const { throttle } = await database.open()
      const rows = [
        { bucket: 'address old', failures: 3, at: NOW - 2 * HOUR },
        { bucket: 'address new', failures: 3, at: NOW },
        { bucket: 'known old', failures: 0, at: NOW - 9 * HOUR },
        { bucket: 'known new', failures: 0, at: NOW - 2 * HOUR },
      ]
      await throttle.add(rows, 0)
      await throttle.forget({ guesses: NOW - HOUR, proofs: NOW - 8 * HOUR, future: NOW + HOUR })
      const left = (await throttle.since(0)).map(({ bucket }) => bucket)
      expect(left).toEqual(['address new', 'known new'])
    })
  })
}
