import { describe, expect, test } from 'vitest'
import { conditionsJson, mergeConditions } from '#identity/condition-rules.ts'
import { FACTORY_SETTINGS, mergeSettings, type SettingsInput } from '#identity/settings.ts'
import { durationText, parseDuration, readLifetime } from '#identity/times.ts'

const DAY = 86_400_000
const invalid = expect.objectContaining({ code: 'invalid' })

describe('settings of a site', () => {
  test('K6: 30 days, 1 day and no end can all be the default', () => {
    for (const defaultKeyLifetime of [30 * DAY, DAY, null])
      expect(mergeSettings(FACTORY_SETTINGS, { defaultKeyLifetime })).toEqual({
        ...FACTORY_SETTINGS,
        defaultKeyLifetime,
      })
  })

  test.each<[string, SettingsInput]>([
    ['a default longer than the longest', { defaultKeyLifetime: 2 * DAY, maxKeyLifetime: DAY }],
    ['an end that nothing sets', { allowNeverExpire: false, defaultKeyLifetime: null }],
    ['no time at all', { defaultKeyLifetime: 0 }],
    ['a longest below nothing', { maxKeyLifetime: -1 }],
    ['a retention below nothing', { expiredKeyRetention: -1 }],
    ['more than a hundred years', { maxKeyLifetime: 1000 * 366 * DAY }],
    ['a part of a millisecond', { maxKeyLifetime: 1000.5 }],
  ])('%s is refused', (_, input) => {
    expect(() => mergeSettings(FACTORY_SETTINGS, input)).toThrow(invalid)
  })

  test('durations read as they are written', () => {
    for (const [text, ms] of [
      ['90s', 90_000],
      ['12h', DAY / 2],
      ['30d', 30 * DAY],
      ['0d', 0],
      ['never', null],
    ] as const) {
      expect(durationText(ms)).toBe(text)
      expect(readLifetime(text)).toBe(ms)
    }
    expect(durationText(parseDuration('4w'))).toBe('28d')
    expect([readLifetime('soon'), readLifetime('')]).toEqual([undefined, undefined])
  })
})

describe('K11: conditions', () => {
  const window = { days: ['Fri', 'mon', 'fri'], from: '22:00', to: '06:30', zone: 'Europe/Berlin' }

  test('change what is named; null lifts; the answer can be sent back', () => {
    const input = {
      allow: ['10.0.0.0/8', '::1'],
      deny: ['10.1.0.0/16'],
      doors: ['ftp'],
      windows: [window],
      notBefore: 7,
    }
    const made = mergeConditions({}, input)
    expect(made.windows).toEqual([{ days: [1, 5], from: 1320, to: 390, zone: 'Europe/Berlin' }])
    const { not_before, ...shown } = conditionsJson(made)
    expect(mergeConditions({}, { ...shown, notBefore: Date.parse(not_before ?? '') })).toEqual(made)
    expect(mergeConditions(made, {})).toEqual(made)
    expect(mergeConditions(made, { allow: null, deny: [], windows: null, notBefore: null })).toEqual({
      doors: ['ftp'],
    })
  })

  test.each([
    ['no address', { deny: ['home'] }],
    ['no door left', { doors: [] }],
    ['no weekday', { windows: [{ ...window, days: ['someday'] }] }],
    ['no day at all', { windows: [{ ...window, days: [] }] }],
    ['no time of day', { windows: [{ ...window, from: '8:00' }] }],
    ['past midnight', { windows: [{ ...window, to: '24:01' }] }],
    ['an end at the beginning', { windows: [{ ...window, to: '22:00' }] }],
    ['a zone that is none', { windows: [{ ...window, zone: '' }] }],
    ['no instant', { notBefore: Number.NaN }],
  ])('%s is refused', (_, input) => {
    expect(() => mergeConditions({}, input)).toThrow(invalid)
  })
})
