import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createPatience } from '#protocols/ftp/patience.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('patience: each wait ends after its own time, counted from its beginning', () => {
  const patience = createPatience(100)
  const given: string[] = []
  patience.begin(() => given.push('first'))
  vi.advanceTimersByTime(60)
  patience.end()
  patience.begin(() => given.push('second'))
  vi.advanceTimersByTime(99)
  expect(given).toEqual([])
  vi.advanceTimersByTime(1)
  expect(given).toEqual(['second'])
})

test('patience: what has ended is not given up, and one that was given up may begin again', () => {
  const patience = createPatience(100)
  const given: string[] = []
  patience.begin(() => given.push('ended'))
  patience.end()
  vi.advanceTimersByTime(1000)
  patience.begin(() => given.push('late'))
  vi.advanceTimersByTime(100)
  patience.begin(() => given.push('again'))
  vi.advanceTimersByTime(100)
  expect(given).toEqual(['late', 'again'])
})
