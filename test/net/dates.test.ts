import { describe, expect, it } from 'vitest'
import { httpDate, isoSeconds } from '#net/dates.ts'

describe('dates in whole seconds', () => {
  it.each([
    [0, 'Thu, 01 Jan 1970 00:00:00 GMT', '1970-01-01T00:00:00Z'],
    [999.9, 'Thu, 01 Jan 1970 00:00:00 GMT', '1970-01-01T00:00:00Z'],
    [1_000, 'Thu, 01 Jan 1970 00:00:01 GMT', '1970-01-01T00:00:01Z'],
    [-1, 'Wed, 31 Dec 1969 23:59:59 GMT', '1969-12-31T23:59:59Z'],
    [1_764_000_000_500, 'Mon, 24 Nov 2025 16:00:00 GMT', '2025-11-24T16:00:00Z'],
    [0, 'Thu, 01 Jan 1970 00:00:00 GMT', '1970-01-01T00:00:00Z'],
  ])('%d ms, whatever was asked for before', (milliseconds, http, iso) => {
    expect([httpDate(milliseconds), isoSeconds(milliseconds)]).toEqual([http, iso])
  })
})
