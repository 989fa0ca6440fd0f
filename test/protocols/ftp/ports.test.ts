import { expect, test } from 'vitest'
import { createPortPool } from '#protocols/ftp/ports.ts'

test('passive ports: the whole range is used, none twice, and a released one comes back', () => {
  const pool = createPortPool({ from: 40_000, to: 40_009 })
  const taken = Array.from({ length: 10 }, () => pool.take() ?? 0)
  expect(taken.sort()).toEqual(Array.from({ length: 10 }, (_, i) => 40_000 + i))
  expect(pool.take()).toBeNull()
  pool.release(40_003)
  expect(pool.take()).toBe(40_003)
})
