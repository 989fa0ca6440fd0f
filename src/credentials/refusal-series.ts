import type { AuditEntry } from '#audit/ports.ts'
import { isYoung } from './age.ts'
import type { Clock } from './ports.ts'

/**
 * Counts refusals that say the same, so that a flood of guesses does not fill the disk. The first is written by
 * the caller at once; how many more came within the minute is one entry at its end.
 */
export type RefusalSeries = {
  /** True when nothing like it was refused for a minute: it is to be written in full. */
  isFirst(entry: AuditEntry, login: string): boolean
  /** Writes the counts of series whose minute is over, or of all. */
  flush(which?: 'over' | 'all'): void
}

type Series = {
  readonly since: number
  readonly address: string | null
  /** What the refusals had in common. */
  readonly common: 'all' | 'address' | 'door'
  last: AuditEntry
  more: number
}

const WINDOW_MS = 60_000
const MAX_LOGIN_LENGTH = 100
/** Series of one address, and of all; what exceeds them is counted with less in common. */
const MAX_OF_ADDRESS = 20
const MAX_SERIES = 50

export function createRefusalSeries(clock: Clock, write: (entry: AuditEntry) => void): RefusalSeries {
  const running = new Map<string, Series>()
  const ofAddress = new Map<string | null, number>()

  function end(mark: string, series: Series): void {
    running.delete(mark)
    const left = (ofAddress.get(series.address) ?? 1) - 1
    if (left === 0) ofAddress.delete(series.address)
    else ofAddress.set(series.address, left)
    if (series.more > 0) write(countEntry(series))
  }

  function hasRoom(common: Series['common'], address: string | null): boolean {
    if (common === 'all') {
      return running.size < MAX_SERIES && (ofAddress.get(address) ?? 0) < MAX_OF_ADDRESS
    }
    return common === 'door' || running.size < 2 * MAX_SERIES
  }

  /** Null: there is no room for one more series that has so much in common. */
  function count(entry: AuditEntry, common: Series['common'], mark: string): 'first' | 'more' | null {
    const held = running.get(mark)
    if (held !== undefined && isYoung(held.since, WINDOW_MS, entry.at)) {
      held.more += 1
      held.last = entry
      return 'more'
    }
    if (held !== undefined) end(mark, held)
    const address = common === 'door' ? null : entry.address
    if (!hasRoom(common, address)) return null
    running.set(mark, { since: entry.at, address, common, last: entry, more: 0 })
    ofAddress.set(address, (ofAddress.get(address) ?? 0) + 1)
    return 'first'
  }

  return {
    isFirst(entry, login) {
      const { reason, address, door } = entry
      const place = `${door} ${reason}`
      const counted =
        count(entry, 'all', `${place} ${address} ${login.slice(0, MAX_LOGIN_LENGTH)}`) ??
        count(entry, 'address', `${place} ${address}\n`) ??
        count(entry, 'door', `${place}\n`)
      return counted === 'first'
    },
    flush(which = 'over') {
      const now = clock.now()
      for (const [mark, series] of running) {
        if (which === 'all' || !isYoung(series.since, WINDOW_MS, now)) end(mark, series)
      }
    },
  }
}

function countEntry({ last, common, address, more }: Series): AuditEntry {
  const whose =
    common === 'all' ? last : { ...last, userId: null, userName: null, keyId: null, keyName: null }
  return { ...whose, address, subject: `${last.subject} (${more} more within a minute)`.trim() }
}
