import { isIPv4, isIPv6 } from 'node:net'

export const DOORS = ['webdav', 'sftp', 'ftp', 's3', 'rest'] as const
export type DoorName = (typeof DOORS)[number]

/** Minutes since midnight on the named weekdays (0 = Sunday) in an IANA time zone; `to` is exclusive. */
export type TimeWindow = {
  readonly days: readonly number[]
  readonly from: number
  readonly to: number
  readonly zone: string
}

/** What must hold at each use (REQUIREMENTS.md, K11). An absent field restricts nothing. */
export type Conditions = {
  /** CIDR ranges, at least one of which must hold the address. */
  readonly allow?: readonly string[]
  /** CIDR ranges, none of which may hold the address. */
  readonly deny?: readonly string[]
  readonly doors?: readonly DoorName[]
  readonly windows?: readonly TimeWindow[]
  /** Milliseconds since the epoch. */
  readonly notBefore?: number
}

export type ConditionReason = 'door' | 'address' | 'time' | 'not_before'

/** Where and when something is done: the facts that conditions speak of. */
export type Circumstances = { readonly door: DoorName; readonly address: string; readonly now: number }

/** The first condition that does not hold, or null. All of `list` must hold: the narrowest wins. */
export function unmetCondition(list: readonly Conditions[], at: Circumstances): ConditionReason | null {
  for (const conditions of list) {
    const reason = unmet(conditions, at)
    if (reason !== null) return reason
  }
  return null
}

function unmet(conditions: Conditions, at: Circumstances): ConditionReason | null {
  const { allow, deny, doors, windows, notBefore } = conditions
  if (doors && !doors.includes(at.door)) return 'door'
  if (deny?.some((range) => rangeHolds(range, at.address))) return 'address'
  if (allow && !allow.some((range) => rangeHolds(range, at.address))) return 'address'
  if (notBefore !== undefined && at.now < notBefore) return 'not_before'
  if (windows && !windows.some((window) => windowHolds(window, at.now))) return 'time'
  return null
}

/** True when `text` is an address or CIDR range that `rangeHolds` understands. */
export function isAddressRange(text: string): boolean {
  return parseRange(text) !== null
}

/**
 * True when the CIDR range holds the address; IPv4-mapped IPv6 addresses count as IPv4.
 * A range or an address that cannot be read holds nothing.
 */
export function rangeHolds(range: string, address: string): boolean {
  const parsed = parseRange(range)
  const bits = addressBits(address)
  if (parsed === null || bits === null || parsed.width !== bits.width) return false
  const shift = BigInt(parsed.width - parsed.prefix)
  return parsed.value >> shift === bits.value >> shift
}

type AddressBits = { width: 32 | 128; value: bigint }

function parseRange(range: string): (AddressBits & { prefix: number }) | null {
  const [text = '', prefixText] = range.split('/')
  const bits = addressBits(text)
  if (bits === null || range.split('/').length > 2) return null
  if (prefixText === undefined) return { ...bits, prefix: bits.width }
  if (!/^\d{1,3}$/.test(prefixText)) return null
  const prefix = Number(prefixText)
  return prefix <= bits.width ? { ...bits, prefix } : null
}

function addressBits(text: string): AddressBits | null {
  const address = text.split('%')[0] ?? ''
  if (isIPv4(address)) return { width: 32, value: ipv4Value(address) }
  if (!isIPv6(address)) return null
  const value = ipv6Value(address)
  return value >> 32n === 0xffffn ? { width: 32, value: value & 0xffff_ffffn } : { width: 128, value }
}

function ipv4Value(address: string): bigint {
  return address.split('.').reduce((value, part) => (value << 8n) | BigInt(part), 0n)
}

function ipv6Value(address: string): bigint {
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(address)
  const tail = dotted?.[2] ? ipv4Value(dotted[2]) : null
  const text =
    tail === null ? address : `${dotted?.[1]}${(tail >> 16n).toString(16)}:${(tail & 0xffffn).toString(16)}`
  const [head = '', rest] = text.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = rest === undefined || rest === '' ? [] : rest.split(':')
  const groups = [...left, ...new Array<string>(8 - left.length - right.length).fill('0'), ...right]
  return groups.reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n)
}

function windowHolds(window: TimeWindow, now: number): boolean {
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone: window.zone,
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  }).formatToParts(now)
  const part = (type: string) => parts.find((p) => p.type === type)?.value ?? ''
  const day = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'].indexOf(part('weekday'))
  const minute = Number(part('hour')) * 60 + Number(part('minute'))
  if (window.from <= window.to)
    return window.days.includes(day) && minute >= window.from && minute < window.to
  // Over midnight: the window belongs to the day on which it opens.
  const yesterday = (day + 6) % 7
  return (
    (window.days.includes(day) && minute >= window.from) ||
    (window.days.includes(yesterday) && minute < window.to)
  )
}
