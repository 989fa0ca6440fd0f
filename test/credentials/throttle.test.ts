import { describe, expect, test } from 'vitest'
import { addressGroup } from '#credentials/address-group.ts'
import type { GuessCount, ThrottleStore } from '#credentials/ports.ts'
import { createThrottle, type Throttle } from '#credentials/throttle.ts'
import { syncThrottle } from '#credentials/throttle-sync.ts'

const MINUTE = 60_000
const hide = (login: string) => `hidden(${login.length})`

function turnable() {
  return {
    at: 1_800_000_000_000,
    now() {
      return this.at
    },
  }
}

function guess(throttle: Throttle, times: number, address: string, login: string | null): void {
  for (let at = 0; at < times; at++) throttle.guessed(address, login)
}

describe('throttle (R2)', () => {
  test('a few wrong guesses are free, then each one doubles the wait, up to a quarter of an hour', () => {
    const clock = turnable()
    const throttle = createThrottle(clock, hide)
    guess(throttle, 10, 'a', null)
    expect(throttle.wait('a', null)).toBe(0)
    const waits = Array.from({ length: 12 }, () => {
      throttle.guessed('a', null)
      return throttle.wait('a', null) / 1000
    })
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900])
    expect(throttle.wait('b', null)).toBe(0)
    clock.at += 15 * MINUTE
    expect(throttle.wait('a', null)).toBe(0)
    throttle.guessed('a', null)
    expect(throttle.wait('a', null)).toBe(900_000)
    clock.at += 60 * MINUTE
    throttle.guessed('a', null)
    expect(throttle.wait('a', null)).toBe(0)
  })

  test('guesses at one login from many addresses make unknown addresses wait, a minute at most', () => {
    const throttle = createThrottle(turnable(), hide)
    for (let at = 0; at < 50; at++) throttle.guessed(`10.0.0.${at}`, 'key backup')
    expect(throttle.wait('192.0.2.1', 'key backup')).toBe(MINUTE)
    expect(throttle.wait('192.0.2.1', 'key another')).toBe(0)
  })

  test('an address that proved the login does not wait for others’ guesses, only for its own', () => {
    const throttle = createThrottle(turnable(), hide)
    throttle.proved('192.0.2.1', 'key backup')
    for (let at = 0; at < 50; at++) throttle.guessed(`10.0.0.${at}`, 'key backup')
    // Its neighbours behind one address guess at another login.
    guess(throttle, 50, '192.0.2.1', 'key another')
    expect(throttle.wait('192.0.2.1', 'key backup')).toBe(0)
    guess(throttle, 11, '192.0.2.1', 'key backup')
    expect(throttle.wait('192.0.2.1', 'key backup')).toBe(1_000)
    throttle.proved('192.0.2.1', 'key backup')
    expect(throttle.wait('192.0.2.1', 'key backup')).toBe(0)
  })

  test('an IPv6 customer has a /64 to guess from: it counts as one address', () => {
    const throttle = createThrottle(turnable(), hide)
    for (let at = 0; at < 20; at++) throttle.guessed(`2001:db8:1:2::${at.toString(16)}`, null)
    expect(throttle.wait('2001:db8:1:2:ffff::1', null)).toBeGreaterThan(0)
    expect(throttle.wait('2001:db8:1:3::1', null)).toBe(0)
  })

  test.each([
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:0DB8:0000:0000:1::', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['1::', '1:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
    ['1:2:3:4:5:6:192.0.2.1', '1:2:3:4::/64'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['192.0.2.1', '192.0.2.1'],
    ['', ''],
  ])('%s counts as %s', (address, group) => {
    expect(addressGroup(address)).toBe(group)
  })

  test('refusals that are no guesses hold nobody back, and ask an address to slow down', () => {
    const throttle = createThrottle(turnable(), hide)
    const asked = Array.from({ length: 102 }, () => throttle.refused('a'))
    expect(asked.filter((wait) => wait === 0)).toHaveLength(100)
    expect(asked.at(-1)).toBe(2_000)
    expect(throttle.wait('a', 'key backup')).toBe(0)
  })

  test('memory is bounded: the longest quiet are forgotten first', () => {
    const throttle = createThrottle(turnable(), hide)
    guess(throttle, 20, 'first', null)
    for (let at = 0; at < 99_999; at++) throttle.guessed(`a${at}`, null)
    expect(throttle.wait('first', null)).toBeGreaterThan(0)
    throttle.guessed('one more', null)
    expect(throttle.wait('first', null)).toBe(0)
    expect(throttle.takeOwn().length).toBeLessThanOrEqual(100_000)
  })
})

/** The shared table, in memory. */
function sharedStore(): ThrottleStore & { rows: Map<string, GuessCount>; broken: boolean } {
  return {
    rows: new Map(),
    broken: false,
    async add(counts) {
      if (this.broken) throw new Error('no database')
      for (const { bucket, failures, at } of counts) {
        this.rows.set(bucket, { bucket, failures: (this.rows.get(bucket)?.failures ?? 0) + failures, at })
      }
    },
    async since(at) {
      return [...this.rows.values()].filter((row) => row.at >= at)
    },
    async forget() {},
  }
}

describe('throttle shared by nodes (R2)', () => {
  function node(store: ThrottleStore, clock: { now(): number }) {
    const throttle = createThrottle(clock, hide)
    const errors: unknown[] = []
    const sync = syncThrottle({ throttle, store, clock, onError: (error) => errors.push(error) })
    return { throttle, sync, errors }
  }

  test('guesses at one node count at the other, once, and so does who proved a login', async () => {
    const clock = turnable()
    const store = sharedStore()
    await using a = node(store, clock).sync
    const one = node(store, clock)
    const two = node(store, clock)
    await using _one = one.sync
    await using _two = two.sync
    guess(one.throttle, 7, '192.0.2.1', 'key backup')
    guess(two.throttle, 7, '192.0.2.1', 'key backup')
    one.throttle.proved('192.0.2.9', 'key backup')
    for (const { sync } of [one, two, one, two, one]) await sync.exchange()
    await a.exchange()
    expect(store.rows.get('address 192.0.2.1')?.failures).toBe(14)
    expect(one.throttle.wait('192.0.2.5', 'key backup')).toBe(8_000)
    expect(two.throttle.wait('192.0.2.5', 'key backup')).toBe(8_000)
    expect(two.throttle.wait('192.0.2.9', 'key backup')).toBe(0)
  })

  test('guesses that waited an hour to be told are forgotten, as they are where they happened', async () => {
    const clock = turnable()
    const store = sharedStore()
    const one = node(store, clock)
    await using _one = one.sync
    guess(one.throttle, 8, '192.0.2.1', null)
    clock.at += 60 * MINUTE
    guess(one.throttle, 8, '192.0.2.1', null)
    store.broken = true
    await one.sync.exchange()
    store.broken = false
    await one.sync.exchange()
    expect(store.rows.get('address 192.0.2.1')?.failures).toBe(8)
    expect(one.throttle.wait('192.0.2.1', null)).toBe(0)
    guess(one.throttle, 8, '192.0.2.1', null)
    store.broken = true
    await one.sync.exchange()
    store.broken = false
    clock.at += 60 * MINUTE
    guess(one.throttle, 1, '192.0.2.1', null)
    one.throttle.proved('192.0.2.9', 'key backup')
    await one.sync.exchange()
    expect(store.rows.get('address 192.0.2.1')?.failures).toBe(9)
  })

  test('nothing is lost while the table cannot be written, and no login is in it', async () => {
    const clock = turnable()
    const store = sharedStore()
    store.broken = true
    const one = node(store, clock)
    await using _one = one.sync
    guess(one.throttle, 3, '192.0.2.1', 'person my password')
    await one.sync.exchange()
    expect(one.errors).toHaveLength(1)
    guess(one.throttle, 3, '192.0.2.1', 'person my password')
    store.broken = false
    await one.sync.exchange()
    expect(store.rows.get('address 192.0.2.1')?.failures).toBe(6)
    expect(JSON.stringify([...store.rows])).not.toContain('password')
  })
})
