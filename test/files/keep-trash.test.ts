import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { keepTrashClean } from '#files/keep-trash.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('F3: the trash is cleaned at start, each hour, and soon again after a run that was not done', async () => {
  const runs: number[] = []
  const started = Date.now()
  const clean = async () => {
    runs.push(Date.now() - started)
    return { removed: 0, more: runs.length === 1 }
  }
  const keeper = keepTrashClean(clean, () => {})
  await vi.advanceTimersByTimeAsync(3_610_000)
  expect(runs).toEqual([0, 10_000, 3_610_000])
  await keeper[Symbol.asyncDispose]()
  await vi.advanceTimersByTimeAsync(7_200_000)
  expect(runs).toHaveLength(3)
})

test('a run that fails is reported, and the next one comes all the same', async () => {
  const errors: unknown[] = []
  let runs = 0
  const fail = () => {
    runs++
    return Promise.reject(new Error('no database'))
  }
  const keeper = keepTrashClean(fail, (error) => errors.push(error))
  await vi.advanceTimersByTimeAsync(3_600_000)
  await keeper[Symbol.asyncDispose]()
  expect([runs, errors.length]).toEqual([2, 2])
})
