import { Fault } from '#faults'
import {
  type Conditions,
  DOORS,
  type DoorName,
  isAddressRange,
  type TimeWindow,
} from '#permissions/conditions.ts'
import { isoTime } from './times.ts'

const MAX_ITEMS = 100
const DAYS: readonly string[] = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
const DAY_MINUTES = 24 * 60

/** Hours on weekdays: `['mon', 'fri']`, `08:00`, `17:30` (excluded; `24:00` is midnight), `Europe/Berlin`. */
export type WindowInput = {
  readonly days: readonly string[]
  readonly from: string
  readonly to: string
  readonly zone: string
}

/** What is to hold at each use. Absent leaves a condition as it is; null lifts it. */
export type ConditionsInput = {
  readonly allow?: readonly string[] | null | undefined
  readonly deny?: readonly string[] | null | undefined
  readonly doors?: readonly string[] | null | undefined
  readonly windows?: readonly WindowInput[] | null | undefined
  /** Milliseconds since the epoch. */
  readonly notBefore?: number | null | undefined
}

/** The conditions after a change (REQUIREMENTS.md, K11). Fault: invalid. */
export function mergeConditions(held: Conditions, input: ConditionsInput): Conditions {
  const allow = merge(held.allow, input.allow, (ranges) => some('allow', ranges).map(readRange))
  const deny = merge(held.deny, input.deny, (ranges) => bounded('deny', ranges).map(readRange))
  const doors = merge(held.doors, input.doors, (names) => [...new Set(some('doors', names).map(readDoor))])
  const windows = merge(held.windows, input.windows, (list) => some('windows', list).map(readWindow))
  const notBefore = merge(held.notBefore, input.notBefore, readStart)
  return {
    ...(allow !== undefined && { allow }),
    ...(deny !== undefined && deny.length > 0 && { deny }),
    ...(doors !== undefined && { doors }),
    ...(windows !== undefined && { windows }),
    ...(notBefore !== undefined && { notBefore }),
  }
}

/** Conditions as JSON answers show them; null restricts nothing. */
export function conditionsJson({ allow, deny, doors, windows, notBefore }: Conditions) {
  return {
    allow: allow ? [...allow] : null,
    deny: deny ? [...deny] : null,
    doors: doors ? [...doors] : null,
    windows: windows?.map(windowJson) ?? null,
    not_before: isoTime(notBefore ?? null),
  }
}

function merge<T, Input>(
  held: T | undefined,
  input: Input | null | undefined,
  read: (input: Input) => T,
): T | undefined {
  if (input === undefined) return held
  return input === null ? undefined : read(input)
}

// An empty list of what is allowed would let nobody in: seldom what was meant.
function some<T>(what: string, list: readonly T[]): readonly T[] {
  if (list.length > 0) return bounded(what, list)
  throw new Fault('invalid', `${what} is empty, which would let nobody in`)
}

function bounded<T>(what: string, list: readonly T[]): readonly T[] {
  if (list.length > MAX_ITEMS) throw new Fault('invalid', `${what} has at most ${MAX_ITEMS} entries`)
  return list
}

function readRange(text: string): string {
  if (isAddressRange(text)) return text
  throw new Fault('invalid', `'${text}' is no address and no range such as 10.0.0.0/8`)
}

function readDoor(name: string): DoorName {
  const door = DOORS.find((one) => one === name)
  if (door === undefined)
    throw new Fault('invalid', `there is no door '${name}'; there are ${DOORS.join(', ')}`)
  return door
}

function readWindow({ days, from, to, zone }: WindowInput): TimeWindow {
  const window = {
    days: [...new Set(some('days', days).map(readDay))].toSorted(),
    from: readClock(from),
    to: readClock(to),
    zone: readZone(zone),
  }
  if (window.from === window.to || window.from === DAY_MINUTES) {
    throw new Fault('invalid', 'a time window ends later than it starts; a whole day is 00:00 to 24:00')
  }
  return window
}

function readDay(name: string): number {
  const day = DAYS.indexOf(name.toLowerCase())
  if (day === -1) throw new Fault('invalid', `'${name}' is no weekday; there are ${DAYS.join(', ')}`)
  return day
}

function readClock(text: string): number {
  const [, hours, minutes] = /^(\d{2}):([0-5]\d)$/.exec(text) ?? []
  const minute = Number(hours) * 60 + Number(minutes)
  if (minute <= DAY_MINUTES) return minute
  throw new Fault('invalid', `'${text}' is no time of day such as 08:30`)
}

function windowJson({ days, from, to, zone }: TimeWindow) {
  return { days: days.map((day) => DAYS[day] ?? ''), from: clockText(from), to: clockText(to), zone }
}

function clockText(minute: number): string {
  const two = (number: number) => String(number).padStart(2, '0')
  return `${two(Math.floor(minute / 60))}:${two(minute % 60)}`
}

// A zone that nobody knows would make each decision throw.
function readZone(zone: string): string {
  try {
    if (!/^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/.test(zone)) throw new RangeError()
    new Intl.DateTimeFormat('en', { timeZone: zone })
    return zone
  } catch {
    throw new Fault('invalid', `'${zone}' is no time zone such as Europe/Berlin or UTC`)
  }
}

function readStart(at: number): number {
  if (Number.isSafeInteger(at) && Math.abs(at) <= 8.64e15) return at
  throw new Fault('invalid', 'not before is no instant that can be written')
}
