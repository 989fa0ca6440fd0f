import { describe, expect, test } from 'vitest'
import { isoTime, parseDuration, parseInstant } from '#identity/times.ts'

describe('times', () => {
  test.each([
    ['2026-02-28', '2026-02-28T00:00:00.000Z'],
    ['2026-02-28T10:30Z', '2026-02-28T10:30:00.000Z'],
    ['2026-02-28T10:30:15.25+02:00', '2026-02-28T08:30:15.250Z'],
    ['2028-02-29', '2028-02-29T00:00:00.000Z'],
  ])('%s is read as %s', (text, iso) => {
    expect(isoTime(parseInstant(text))).toBe(iso)
  })

  test.each([
    '',
    'tomorrow',
    '2026-02-30',
    '2026-13-01',
    '2026-02-28T10:30',
    '2026-02-28T25:00Z',
    '20260228',
    '1',
  ])('%j is no instant', (text) => {
    expect(parseInstant(text)).toBeNull()
  })

  test.each([
    ['90s', 90_000],
    ['15m', 900_000],
    ['12h', 43_200_000],
    ['30d', 2_592_000_000],
    ['4w', 2_419_200_000],
    ['0d', 0],
  ])('%s lasts %i ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms)
  })

  test.each(['', '30', 'd', '-1d', '1.5d', '1y', '1234567d'])('%j is no duration', (text) => {
    expect(parseDuration(text)).toBeNull()
  })
})
