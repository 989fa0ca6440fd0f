import { describe, expect, test } from 'vitest'
import { createPasswordCheck } from '#credentials/password-slots.ts'
import { decoyHash, hashPassword, verifyPassword } from '#credentials/passwords.ts'

/** Checks that end when the test says so. */
function heldChecks(options: { atOnce?: number; waiting?: number; perAddress?: number } = {}) {
  const running: { hash: string; end(isRight: boolean): void }[] = []
  const check = createPasswordCheck({
    ...options,
    verify: (hash) => new Promise((resolve) => running.push({ hash, end: resolve })),
  })
  return { check, running }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('verification of Argon2id hashes', () => {
  test('runs at most so many at once; the others wait for their turn', async () => {
    const { check, running } = heldChecks({ atOnce: 2 })
    const results = ['a', 'b', 'c'].map((mark) => check(`hash ${mark}`, 's', { address: mark, mark }))
    await turn()
    expect(running.map(({ hash }) => hash)).toEqual(['hash a', 'hash b'])
    running[0]?.end(true)
    expect(await results[0]).toBe(true)
    await turn()
    expect(running.map(({ hash }) => hash)).toEqual(['hash a', 'hash b', 'hash c'])
    for (const { end } of running) end(false)
    expect(await Promise.all(results)).toEqual([true, false, false])
  })

  test('the same attempt on many connections at once is verified once', async () => {
    const { check, running } = heldChecks()
    const results = Array.from({ length: 20 }, () => check('hash', 's', { address: 'a', mark: 'm' }))
    await turn()
    expect(running).toHaveLength(1)
    running[0]?.end(true)
    expect(new Set(await Promise.all(results))).toEqual(new Set([true]))
  })

  test('one address cannot take every place, and the queue has an end', async () => {
    const { check, running } = heldChecks({ atOnce: 1, waiting: 3, perAddress: 2 })
    const ask = (address: string, mark: string) => check('hash', 's', { address, mark })
    const waiting = [ask('a', '1'), ask('a', '2')]
    await expect(ask('a', '3')).rejects.toMatchObject({ code: 'unavailable', retryAfter: 1 })
    waiting.push(ask('b', '4'), ask('c', '5'))
    await expect(ask('d', '6')).rejects.toMatchObject({ code: 'unavailable' })
    for (let at = 0; at < 4; at++) {
      await turn()
      running[at]?.end(true)
    }
    expect(await Promise.all(waiting)).toEqual([true, true, true, true])
    const after = ask('a', '7')
    await turn()
    running[4]?.end(false)
    expect(await after).toBe(false)
  })

  test('a check that fails gives its place back', async () => {
    const check = createPasswordCheck({ atOnce: 1, verify: () => Promise.reject(new Error('broken')) })
    for (const mark of ['1', '2', '3']) {
      await expect(check('hash', 's', { address: 'a', mark })).rejects.toThrow('broken')
    }
  })

  test('R2: where there is no hash, a decoy of the same cost is verified, which nothing fits', async () => {
    const seen: string[] = []
    const check = createPasswordCheck({
      verify: async (hash) => {
        seen.push(hash)
        return false
      },
    })
    await check(null, 'some secret', { address: 'a', mark: 'm' })
    const real = await hashPassword('some secret 12')
    const cost = (hash: string | undefined) => hash?.split('$').slice(1, 4)
    expect(cost(seen[0])).toEqual(cost(real))
    expect(seen[0]?.length).toBe(real.length)
    expect(await verifyPassword(decoyHash(), 'some secret 12')).toBe(false)
    expect(await verifyPassword(real, 'some secret 12')).toBe(true)
  })
})
