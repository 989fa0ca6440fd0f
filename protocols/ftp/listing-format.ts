import type { Entry, EntryRights } from '#files/types.ts'
import { oneLine } from './control.ts'

/** Facts of MLSD and MLST (RFC 3659 §7.5) that are offered. */
export const FACTS = ['type', 'size', 'modify', 'perm', 'unique'] as const
export type Fact = (typeof FACTS)[number]

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const HALF_A_YEAR_MS = 182 * 24 * 3600 * 1000
const FIRST_MS = Date.parse('0000-01-01T00:00:00Z')
const LAST_MS = Date.UTC(9999, 11, 31, 23, 59, 59)

function two(value: number): string {
  return value < 10 ? `0${value}` : `${value}`
}

function dateOf(milliseconds: number): Date {
  return new Date(Math.max(FIRST_MS, Math.min(LAST_MS, milliseconds)))
}

/** `YYYYMMDDHHMMSS` in UTC, as MDTM and the modify fact want it; fractions of a second are dropped. */
export function timeVal(milliseconds: number): string {
  const date = dateOf(milliseconds)
  const day = `${two(date.getUTCMonth() + 1)}${two(date.getUTCDate())}`
  const time = `${two(date.getUTCHours())}${two(date.getUTCMinutes())}${two(date.getUTCSeconds())}`
  return `${String(date.getUTCFullYear()).padStart(4, '0')}${day}${time}`
}

/** Milliseconds of `YYYYMMDDHHMMSS[.sss]`; null for what is no date. */
export function parseTimeVal(text: string): number | null {
  const match = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\.\d{1,9})?$/.exec(text)
  if (!match) return null
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map(Number)
  const whole = Date.UTC(year, month - 1, day, hour, minute, second)
  if (timeVal(whole) !== text.slice(0, 14)) return null
  return whole + Math.floor(Number(match[7] ?? 0) * 1000)
}

/** A line of LIST as `ls -l` prints it, in UTC, without its end. Nobody's real owner or mode is told. */
export function listLine(entry: Entry, now: number): string {
  const date = dateOf(entry.modified)
  const recent = entry.modified <= now && now - entry.modified < HALF_A_YEAR_MS
  const year = String(date.getUTCFullYear()).padStart(5)
  const tail = recent ? `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}` : year
  const when = `${MONTHS[date.getUTCMonth()]} ${String(date.getUTCDate()).padStart(2)} ${tail}`
  const mode = entry.kind === 'folder' ? 'drwxr-xr-x' : '-rw-r--r--'
  return `${mode} 1 latchkey latchkey ${String(entry.size).padStart(12)} ${when} ${oneLine(entry.name)}`
}

/** A line of MLSD or MLST: the chosen facts, a space, and the name as it is given. Without `rights` no `perm`. */
export function factLine(
  entry: Entry,
  facts: ReadonlySet<Fact>,
  name: string,
  rights: EntryRights | undefined,
): string {
  let text = ''
  for (const fact of FACTS) {
    if (facts.has(fact)) text += factText(entry, fact, rights)
  }
  return `${text} ${oneLine(name)}`
}

function factText(entry: Entry, fact: Fact, rights: EntryRights | undefined): string {
  const folder = entry.kind === 'folder'
  switch (fact) {
    case 'type':
      return folder ? 'type=dir;' : 'type=file;'
    case 'size':
      return folder ? '' : `size=${entry.size};`
    case 'modify':
      return `modify=${timeVal(entry.modified)};`
    case 'perm':
      return rights === undefined ? '' : `perm=${folder ? folderPerm(rights) : filePerm(rights)};`
    case 'unique':
      return `unique=${entry.version};`
  }
}

/** RFC 3659 §7.5.5; who sees a folder may enter it. */
function folderPerm({ addFiles, addFolders, list, remove, removeFiles, rename }: EntryRights): string {
  return `${addFiles ? 'c' : ''}${remove ? 'd' : ''}e${rename ? 'f' : ''}${list ? 'l' : ''}${addFolders ? 'm' : ''}${removeFiles ? 'p' : ''}`
}

function filePerm({ read, remove, rename, write }: EntryRights): string {
  return `${write ? 'a' : ''}${remove ? 'd' : ''}${rename ? 'f' : ''}${read ? 'r' : ''}${write ? 'w' : ''}`
}
