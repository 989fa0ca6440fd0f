import { Fault } from '#faults'

const DAY_MS = 86_400_000
const WEEK_MS = 7 * DAY_MS

const UNITS: ReadonlyMap<string, number> = new Map([
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', DAY_MS],
  ['w', WEEK_MS],
])

const INSTANT = /^(\d{4})-(\d{2})-(\d{2})(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2}))?$/

/**
 * An ISO 8601 date (midnight UTC) or date and time with `Z` or an offset, as milliseconds since the epoch;
 * null for anything else, 30 February too.
 */
export function parseInstant(text: string): number | null {
  const parts = INSTANT.exec(text)
  if (parts === null) return null
  const [year, month, day] = parts.slice(1, 4).map(Number)
  if (year === undefined || month === undefined || day === undefined) return null
  const date = new Date(Date.UTC(year, month - 1, day))
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return null
  const at = Date.parse(text)
  return Number.isNaN(at) ? null : at
}

/** `90s`, `15m`, `12h`, `30d` or `4w` in milliseconds; null for anything else. */
export function parseDuration(text: string): number | null {
  const parts = /^(\d{1,6})([smhdw])$/.exec(text)
  const unit = UNITS.get(parts?.[2] ?? '')
  return unit === undefined ? null : Number(parts?.[1]) * unit
}

/** A duration in its largest whole unit, as `parseDuration` reads it; `never` for null. */
export function durationText(ms: number | null): string {
  if (ms === null) return 'never'
  const [unit, size] = [...UNITS].findLast(([, one]) => ms % one === 0 && one !== WEEK_MS) ?? ['s', 1000]
  return `${Math.round(ms / size)}${unit}`
}

/** `never` as null, else as `parseDuration` reads it; undefined for anything else. */
export function readLifetime(text: string): number | null | undefined {
  return text === 'never' ? null : (parseDuration(text) ?? undefined)
}

// The last instant that four digits of a year can write.
const LAST_INSTANT = Date.UTC(9999, 11, 31)

/** When somebody's time is over; null for never. Fault `invalid` for what is over, or cannot be written. */
export function readEnd(at: number | null, now: number): number | null {
  if (at === null) return null
  if (!Number.isSafeInteger(at) || at > LAST_INSTANT) {
    throw new Fault('invalid', 'the expiry is no instant that can be written')
  }
  if (at <= now) throw new Fault('invalid', 'the expiry is over already')
  return at
}

/** ISO 8601 in UTC; null stays null. */
export function isoTime(at: number): string
export function isoTime(at: number | null): string | null
export function isoTime(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString()
}
