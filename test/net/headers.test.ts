import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { etagListHolds, evaluateConditions, ifRangeHolds, parseHttpDate } from '#net/conditions.ts'
import { contentRange, parseRanges } from '#net/ranges.ts'

describe('parseRanges of 10 bytes', () => {
  it.each([
    ['bytes=2-4', [[2, 5]]],
    ['bytes=-3', [[7, 10]]],
    ['bytes=-30', [[0, 10]]],
    ['bytes=8-', [[8, 10]]],
    ['bytes=0-18446744073709551615', [[0, 10]]],
    [
      'Bytes=0-0, 9-9',
      [
        [0, 1],
        [9, 10],
      ],
    ],
    ['bytes=0-0,50-60', [[0, 1]]],
    ['bytes=50-60', 'none'],
    ['bytes=-0', 'none'],
    ['bytes=50-60,70-', 'none'],
    ['bytes=4-2', 'whole'],
    ['bytes=a-b', 'whole'],
    ['bytes=1-2-3', 'whole'],
    ['bytes=-', 'whole'],
    ['bytes=,', 'whole'],
    ['lines=1-2', 'whole'],
    ['bytes=0-9,0-9', 'whole'],
    [`bytes=${'0-0,'.repeat(40)}`, 'whole'],
    [undefined, 'whole'],
  ])('%s', (header, expected) => {
    const result = parseRanges(header, 10)
    const seen = result.kind === 'spans' ? result.spans.map(({ start, end }) => [start, end]) : result.kind
    expect(seen).toEqual(expected)
  })

  it('of an empty file is never satisfied', () => {
    expect(parseRanges('bytes=0-', 0).kind).toBe('none')
  })

  it('never leaves the file, whatever comes', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^bytes=[0-9,-]{0,30}$/), fc.nat(100), (header, size) => {
        const result = parseRanges(header, size)
        if (result.kind !== 'spans') return
        for (const { start, end } of result.spans) {
          expect(start).toBeGreaterThanOrEqual(0)
          expect(end).toBeGreaterThan(start)
          expect(end).toBeLessThanOrEqual(size)
        }
      }),
    )
  })

  it('contentRange says the last byte, not the one behind it', () => {
    expect(contentRange({ start: 2, end: 5 }, 10)).toBe('bytes 2-4/10')
  })
})

const modified = Date.UTC(2024, 1, 29, 12, 0, 5) + 700.25
const current = { etag: '"abc"', modified }
const SAME = 'Thu, 29 Feb 2024 12:00:05 GMT'
const BEFORE = 'Thu, 29 Feb 2024 12:00:04 GMT'

describe('evaluateConditions', () => {
  it.each([
    ['GET', {}, current, 'proceed'],
    ['PUT', { 'if-match': '"abc"' }, current, 'proceed'],
    ['PUT', { 'if-match': '"x", "abc"' }, current, 'proceed'],
    ['PUT', { 'if-match': 'abc' }, current, 'proceed'],
    ['PUT', { 'if-match': 'W/"abc"' }, current, 'precondition'],
    ['PUT', { 'if-match': '"x"' }, current, 'precondition'],
    ['PUT', { 'if-match': '*' }, current, 'proceed'],
    ['PUT', { 'if-match': '*' }, null, 'precondition'],
    ['PUT', { 'if-none-match': '*' }, null, 'proceed'],
    ['PUT', { 'if-none-match': '*' }, current, 'precondition'],
    ['GET', { 'if-none-match': 'W/"abc"' }, current, 'not_modified'],
    ['HEAD', { 'if-none-match': '"abc"' }, current, 'not_modified'],
    ['PUT', { 'if-none-match': '"abc"' }, current, 'precondition'],
    ['GET', { 'if-none-match': '"x"', 'if-modified-since': SAME }, current, 'proceed'],
    ['GET', { 'if-modified-since': SAME }, current, 'not_modified'],
    ['GET', { 'if-modified-since': BEFORE }, current, 'proceed'],
    ['GET', { 'if-modified-since': 'yesterday' }, current, 'proceed'],
    ['PUT', { 'if-modified-since': SAME }, current, 'proceed'],
    ['PUT', { 'if-unmodified-since': SAME }, current, 'proceed'],
    ['PUT', { 'if-unmodified-since': BEFORE }, current, 'precondition'],
    ['PUT', { 'if-unmodified-since': SAME }, null, 'precondition'],
    ['PUT', { 'if-match': '"abc"', 'if-unmodified-since': BEFORE }, current, 'proceed'],
    ['GET', { 'if-match': '*' }, { etag: null, modified }, 'proceed'],
    ['GET', { 'if-match': '"abc"' }, { etag: null, modified }, 'precondition'],
  ] as const)('%s %j', (method, headers, validators, expected) => {
    expect(evaluateConditions(method, headers, validators)).toBe(expected)
  })

  it('If-Range holds for the same strong tag or the same date only', () => {
    const holds = (value: string) => ifRangeHolds({ 'if-range': value }, current)
    expect(holds('"abc"')).toBe(true)
    expect(holds('W/"abc"')).toBe(false)
    expect(holds(SAME)).toBe(true)
    expect(holds(BEFORE)).toBe(false)
    expect(ifRangeHolds({}, current)).toBe(true)
  })

  it('a list without end is read in linear time', () => {
    expect(etagListHolds('"'.repeat(60_000), current, true)).toBe(false)
    expect(etagListHolds('W/'.repeat(30_000), current, true)).toBe(false)
  })

  it('reads the three date forms and no other', () => {
    const date = Date.UTC(1994, 10, 6, 8, 49, 37)
    expect(parseHttpDate('Sun, 06 Nov 1994 08:49:37 GMT')).toBe(date)
    expect(parseHttpDate('Sunday, 06-Nov-94 08:49:37 GMT')).toBe(date)
    expect(parseHttpDate('Sun Nov  6 08:49:37 1994')).toBe(date)
    for (const text of [
      '1994-11-06',
      'Sun, 06 Foo 1994 08:49:37 GMT',
      'Sun, 06 Nov 1994 28:49:37 GMT',
      '0',
      '',
    ])
      expect(parseHttpDate(text)).toBeNull()
  })
})
