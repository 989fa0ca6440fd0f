import { describe, expect, it } from 'vitest'
import { createPace } from '#files/mounts/local/pace.ts'

/** A storage whose calls take as long as the test says. */
function storage() {
  let now = 0
  const pace = createPace(() => now)
  const call = (milliseconds: number) =>
    pace.short(
      () => {
        now += milliseconds
        return 'at once'
      },
      async () => 'later',
    )
  const pass = (milliseconds: number) => {
    now += milliseconds
  }
  return { pace, call, pass }
}

describe('short calls to a local storage', () => {
  it('are made at once while it answers quickly', async () => {
    const { call } = storage()
    for (let at = 0; at < 1_000; at++) expect(await call(0.5)).toBe('at once')
  })

  it('are made at once after a single slow answer', async () => {
    const { call } = storage()
    await call(20)
    expect(await call(0.1)).toBe('at once')
  })

  it('are left to threads after several slow answers, or one very slow one', async () => {
    const several = storage()
    for (let at = 0; at < 3; at++) await several.call(10)
    expect(await several.call(0.1)).toBe('later')
    const one = storage()
    await one.call(200)
    expect(await one.call(0.1)).toBe('later')
  })

  it('come back to the event loop, where a slow storage takes a twentieth of the time at most', async () => {
    const { call, pass } = storage()
    let stoodStill = 0
    for (let at = 0; at < 10_000; at++) {
      if ((await call(10)) === 'at once') stoodStill += 10
      pass(10)
    }
    expect(stoodStill).toBeGreaterThan(1_000)
    // Besides the forgiven part: what a call may take for nothing, and the debt of the start.
    expect(stoodStill).toBeLessThan(10_000 * 10 * 0.06 + 50)
  })

  it('of more bytes may take longer, and are not made while it is slow', async () => {
    const { pace, call, pass } = storage()
    const move = (bytes: number, milliseconds: number) =>
      pace.now(bytes, () => {
        pass(milliseconds)
        return 'moved'
      })
    for (let at = 0; at < 100; at++) expect(move(256 * 1024, 4)).toBe('moved')
    expect(await call(0.1)).toBe('at once')
    for (let at = 0; at < 100; at++) move(256 * 1024, 6)
    expect(move(256 * 1024, 1)).toBeNull()
    expect(await call(0.1)).toBe('later')
    pass(10_000)
    expect(move(1, 1)).toBe('moved')
  })

  it('fail as what they call fails', async () => {
    const { pace } = storage()
    const atOnce = () => {
      throw new Error('no such file')
    }
    await expect(pace.short(atOnce, async () => 'later')).rejects.toThrow('no such file')
  })
})
