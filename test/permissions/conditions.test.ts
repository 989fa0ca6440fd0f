import { describe, expect, test } from 'vitest'
import { isAddressRange, rangeHolds, unmetCondition } from '#permissions/conditions.ts'

const NOON = Date.UTC(2026, 0, 5, 12, 0) // a Monday
const at = { door: 'sftp', address: '10.0.0.7', now: NOON } as const

describe('conditions (K11)', () => {
  test.each([
    ['10.0.0.0/8', '10.1.2.3', true],
    ['10.0.0.0/8', '11.0.0.1', false],
    ['10.0.0.7', '10.0.0.7', true],
    ['10.0.0.7/32', '10.0.0.8', false],
    ['0.0.0.0/0', '1.2.3.4', true],
    ['0.0.0.0/0', '::1', false],
    ['::/0', '1.2.3.4', false],
    ['2001:db8::/32', '2001:db8:1::5', true],
    ['2001:db8::/32', '2001:db9::1', false],
    ['::1', '::1', true],
    ['127.0.0.0/8', '::ffff:127.0.0.1', true],
    ['::ffff:10.0.0.0/104', '10.0.0.1', false],
    ['fe80::/10', 'fe80::1%eth0', true],
    ['nonsense', '10.0.0.1', false],
    ['10.0.0.0/33', '10.0.0.1', false],
    ['10.0.0.0/8', 'nonsense', false],
    ['10.0.0.0/8/8', '10.0.0.1', false],
  ])('range %s holds %s: %s', (range, address, held) => {
    expect(rangeHolds(range, address)).toBe(held)
  })

  test('a range that cannot be read is told', () => {
    expect(isAddressRange('10.0.0.0/8')).toBe(true)
    expect(isAddressRange('10.0.0.0/')).toBe(false)
    expect(isAddressRange('')).toBe(false)
  })

  test.each([
    [{}, null],
    [{ doors: ['sftp'] }, null],
    [{ doors: ['ftp'] }, 'door'],
    [{ doors: [] }, 'door'],
    [{ allow: ['10.0.0.0/24'] }, null],
    [{ allow: ['192.168.0.0/16'] }, 'address'],
    [{ allow: [] }, 'address'],
    [{ deny: ['10.0.0.7'] }, 'address'],
    [{ allow: ['10.0.0.0/8'], deny: ['10.0.0.7'] }, 'address'],
    [{ notBefore: NOON }, null],
    [{ notBefore: NOON + 1 }, 'not_before'],
    [{ windows: [{ days: [1], from: 0, to: 1440, zone: 'UTC' }] }, null],
    [{ windows: [{ days: [2], from: 0, to: 1440, zone: 'UTC' }] }, 'time'],
    [{ windows: [{ days: [1], from: 0, to: 720, zone: 'UTC' }] }, 'time'],
    [{ windows: [{ days: [1], from: 780, to: 840, zone: 'Europe/Berlin' }] }, null],
    [{ windows: [] }, 'time'],
  ] as const)('%j gives %s', (conditions, reason) => {
    expect(unmetCondition([conditions], at)).toBe(reason)
  })

  test('a window over midnight belongs to the day on which it opens', () => {
    const night = { windows: [{ days: [1], from: 22 * 60, to: 6 * 60, zone: 'UTC' }] }
    const holds = (now: number) => unmetCondition([night], { ...at, now }) === null
    expect(holds(Date.UTC(2026, 0, 5, 23, 0))).toBe(true)
    expect(holds(Date.UTC(2026, 0, 6, 5, 59))).toBe(true)
    expect(holds(Date.UTC(2026, 0, 6, 6, 0))).toBe(false)
    expect(holds(Date.UTC(2026, 0, 5, 5, 0))).toBe(false)
  })

  test('the narrowest wins: every list must hold', () => {
    expect(unmetCondition([{ doors: ['sftp', 'ftp'] }, { doors: ['ftp'] }], at)).toBe('door')
    expect(unmetCondition([{ allow: ['10.0.0.0/8'] }, {}, { deny: ['10.0.0.0/24'] }], at)).toBe('address')
  })
})
