import type { IncomingHttpHeaders } from 'node:http'

/** What a resource is now; null stands for one that does not exist. */
export type Validators = {
  /** Strong, with its quotes; null where there is none (a folder). */
  readonly etag: string | null
  /** Milliseconds since the epoch. */
  readonly modified: number
}

export type ConditionResult = 'proceed' | 'not_modified' | 'precondition'

/** If-Match, If-None-Match and their dates in the order of RFC 9110 §13.2.2. */
export function evaluateConditions(
  method: string,
  headers: IncomingHttpHeaders,
  current: Validators | null,
): ConditionResult {
  const reading = method === 'GET' || method === 'HEAD'
  const match = headers['if-match']
  if (match !== undefined) {
    if (!etagListHolds(match, current, false)) return 'precondition'
  } else if (changedSince(headers['if-unmodified-since'], current)) {
    return 'precondition'
  }
  const noneMatch = headers['if-none-match']
  if (noneMatch !== undefined) {
    if (!etagListHolds(noneMatch, current, true)) return 'proceed'
    return reading ? 'not_modified' : 'precondition'
  }
  const since = parseHttpDate(headers['if-modified-since'])
  if (reading && since !== null && current !== null && seconds(current.modified) <= seconds(since)) {
    return 'not_modified'
  }
  return 'proceed'
}

function changedSince(header: string | undefined, current: Validators | null): boolean {
  const date = parseHttpDate(header)
  if (date === null) return false
  return current === null || seconds(current.modified) > seconds(date)
}

/** If-Range (RFC 9110 §13.1.5): true when a Range may be honoured. */
export function ifRangeHolds(headers: IncomingHttpHeaders, current: Validators): boolean {
  const text = single(headers['if-range'])?.trim()
  if (text === undefined) return true
  if (text.startsWith('"')) return text === current.etag
  const date = parseHttpDate(text)
  return date !== null && seconds(date) === seconds(current.modified)
}

/**
 * True when an If-Match or If-None-Match list names the current entity; `*` names any that exists. Tags without
 * quotes are understood too (S3 clients send them). With `weak`, `W/` is looked through.
 */
export function etagListHolds(list: string, current: Validators | null, weak: boolean): boolean {
  if (current === null) return false
  if (list.trim() === '*') return true
  const etag = current.etag
  if (etag === null) return false
  for (const [tag, mark, quoted, bare] of list.matchAll(/(W\/)?"([^"]*)"|([^\s,"]+)/g)) {
    if (tag === undefined || (mark !== undefined && !weak)) continue
    if (`"${quoted ?? bare}"` === etag) return true
  }
  return false
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const IMF = /^[a-z]{3}, (\d{2}) ([a-z]{3}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT$/i
const RFC850 = /^[a-z]{6,9}, (\d{2})-([a-z]{3})-(\d{2}) (\d{2}):(\d{2}):(\d{2}) GMT$/i
const ASCTIME = /^[a-z]{3} ([a-z]{3}) ([ \d]\d) (\d{2}):(\d{2}):(\d{2}) (\d{4})$/i

/** Milliseconds since the epoch of any of the three HTTP date forms (RFC 9110 §5.6.7); null otherwise. */
export function parseHttpDate(text: string | undefined): number | null {
  if (text === undefined || text.length > 40) return null
  const trimmed = text.trim()
  const asctime = ASCTIME.exec(trimmed)
  if (asctime) {
    const [, month = '', day = '', hour, minute, second, year] = asctime
    return utc(Number(year), month, day, [hour, minute, second])
  }
  const match = IMF.exec(trimmed) ?? RFC850.exec(trimmed)
  if (!match) return null
  const [, day = '', month = '', yearText = '', hour, minute, second] = match
  const year = Number(yearText)
  return utc(yearText.length === 2 ? year + (year < 70 ? 2000 : 1900) : year, month, day, [
    hour,
    minute,
    second,
  ])
}

function utc(year: number, month: string, day: string, time: readonly (string | undefined)[]): number | null {
  const index = MONTHS.indexOf(month.toLowerCase())
  const [hour, minute, second] = time.map(Number)
  if (index < 0 || hour === undefined || minute === undefined || second === undefined) return null
  if (hour > 23 || minute > 59 || second > 60 || Number(day) < 1 || Number(day) > 31) return null
  return Date.UTC(year, index, Number(day), hour, minute, second)
}

function seconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000)
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value
}
