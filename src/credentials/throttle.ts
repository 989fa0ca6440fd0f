import { addressGroup } from './address-group.ts'
import { createBackoff, FORGET_MS } from './backoff.ts'
import type { Clock, GuessCount } from './ports.ts'

/**
 * Back-off for guessing, per address and per login, shared by all doors and nodes (REQUIREMENTS.md, R2). Only
 * what can be guessed (passwords, chosen values) ever waits. An address that proved a login waits for wrong
 * guesses that came from itself at this login, never for those of others.
 */
export type Throttle = {
  /** Milliseconds until a guessable secret is checked again; 0 for at once. `login` null: it stands alone. */
  wait(address: string, login: string | null): number
  /** Notes a wrong guess. */
  guessed(address: string, login: string | null): void
  /** The address proved that it knows the login. */
  proved(address: string, login: string): void
  /** Notes a refusal that was no guess. Milliseconds for which the address is asked to slow down. */
  refused(address: string): number
  /** Notes what cost work before any login and came to nothing; `weight` 1 for a refused login. */
  offended(address: string, weight: number): void
  /** Milliseconds for which an address has to stay away for that; 0 when somebody logged in from there lately. */
  heldOff(address: string): number
  /** Somebody logged in from the address. */
  welcomed(address: string): void
  /** Own counts since the last call, for other nodes. */
  takeOwn(): readonly GuessCount[]
  /** Own counts that could not be told. */
  giveBack(counts: readonly GuessCount[]): void
  /** Counts of all nodes together. */
  merge(counts: readonly GuessCount[]): void
}

/** How long an address is known to know a login. */
export const KNOWN_MS = 7 * 24 * 60 * 60_000
const MAX_KNOWN = 100_000
const KNOWN_AGAIN_MS = 60 * 60_000

const MINUTE_MS = 60_000
const BY_ADDRESS = { free: 10, longest: 15 * MINUTE_MS }
// Short: somebody else's guesses must not keep an owner out who comes from a new address.
const BY_LOGIN = { free: 10, longest: MINUTE_MS }
const BY_PAIR = { free: 10, longest: MINUTE_MS }
const REFUSALS = { free: 100, longest: MINUTE_MS }
const OFFENCES = { free: 10, longest: 5 * MINUTE_MS }

const MAX_OWN = 100_000

/** `hide` makes names of logins that tell nothing: people type passwords into the wrong field. */
export function createThrottle(clock: Clock, hide: (login: string) => string): Throttle {
  const byAddress = createBackoff(clock, BY_ADDRESS)
  const byLogin = createBackoff(clock, BY_LOGIN)
  const byPair = createBackoff(clock, BY_PAIR)
  const refusals = createBackoff(clock, REFUSALS)
  const offences = createBackoff(clock, OFFENCES)
  const known = createKnown(clock)
  const welcome = createKnown(clock)
  let own = new Map<string, GuessCount>()

  function note(bucket: string, failures: number, at: number): void {
    if (own.size >= MAX_OWN && !own.has(bucket)) return
    const held = own.get(bucket)
    // What waited longer to be told is forgotten by now, here as elsewhere.
    const kept = held !== undefined && at - held.at < FORGET_MS ? held.failures : 0
    own.set(bucket, { bucket, failures: kept + failures, at: Math.max(held?.at ?? 0, at) })
  }

  return {
    wait(address, login) {
      const group = addressGroup(address)
      if (login === null) return byAddress.remaining(group)
      const name = hide(login)
      const pair = `${group} ${name}`
      if (known.has(pair)) return byPair.remaining(pair)
      return Math.max(byAddress.remaining(group), byLogin.remaining(name))
    },
    guessed(address, login) {
      const group = addressGroup(address)
      byAddress.add(group)
      note(`address ${group}`, 1, clock.now())
      if (login === null) return
      const name = hide(login)
      const pair = `${group} ${name}`
      byLogin.add(name)
      note(`login ${name}`, 1, clock.now())
      if (known.has(pair)) byPair.add(pair)
    },
    proved(address, login) {
      const pair = `${addressGroup(address)} ${hide(login)}`
      byPair.clear(pair)
      if (known.add(pair, clock.now())) note(`known ${pair}`, 0, clock.now())
    },
    refused(address) {
      const group = addressGroup(address)
      refusals.add(group)
      return Math.max(refusals.remaining(group), byAddress.remaining(group))
    },
    offended(address, weight) {
      const group = addressGroup(address)
      for (let i = 0; i < weight; i++) offences.add(group)
      note(`offence ${group}`, weight, clock.now())
    },
    heldOff(address) {
      const group = addressGroup(address)
      return welcome.has(group) ? 0 : offences.remaining(group)
    },
    welcomed(address) {
      const group = addressGroup(address)
      if (welcome.add(group, clock.now())) note(`welcome ${group}`, 0, clock.now())
    },
    takeOwn() {
      const counts = [...own.values()]
      own = new Map()
      return counts
    },
    giveBack(counts) {
      for (const { bucket, failures, at } of counts) {
        // Proofs count no failures and live longer.
        if (failures === 0 || clock.now() - at < FORGET_MS) note(bucket, failures, at)
      }
    },
    merge(counts) {
      for (const { bucket, failures, at } of counts) {
        const space = bucket.indexOf(' ')
        const kind = bucket.slice(0, space)
        const name = bucket.slice(space + 1)
        const total = failures + (own.get(bucket)?.failures ?? 0)
        if (kind === 'known') known.add(name, at)
        else if (kind === 'welcome') welcome.add(name, at)
        else if (kind === 'offence') offences.set(name, total, at)
        else if (kind === 'address') byAddress.set(name, total, at)
        else byLogin.set(name, total, at)
      }
    },
  }
}

/** Addresses that proved logins; the longest unused are forgotten first. */
function createKnown(clock: Clock) {
  const seen = new Map<string, number>()
  return {
    has(pair: string): boolean {
      const at = seen.get(pair)
      return at !== undefined && clock.now() - at < KNOWN_MS
    },
    /** True when this is news. */
    add(pair: string, at: number): boolean {
      const before = seen.get(pair)
      seen.delete(pair)
      const [oldest] = seen.keys()
      if (seen.size >= MAX_KNOWN && oldest !== undefined) seen.delete(oldest)
      seen.set(pair, Math.max(before ?? 0, at))
      return before === undefined || at - before > KNOWN_AGAIN_MS
    },
  }
}
