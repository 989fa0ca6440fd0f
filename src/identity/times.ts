const DAY_MS = 86_400_000

const UNITS: ReadonlyMap<string, number> = new Map([
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', DAY_MS],
  ['w', 7 * DAY_MS],
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

/** ISO 8601 in UTC; null stays null. */
export function isoTime(at: number): string
export function isoTime(at: number | null): string | null
export function isoTime(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString()
}
