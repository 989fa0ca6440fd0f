import { isoTime } from '#identity/times.ts'
import { LEVELS, type Rights, rightNames } from '#permissions/grants.ts'
import { PRESETS, type Scopes, scopeNames } from '#permissions/scopes.ts'

/** The day of an instant, in UTC; a dash for none. */
export function day(at: number | null): string {
  return isoTime(at)?.slice(0, 10) ?? '-'
}

/** An instant to the minute, in UTC; `none` for null. */
export function minute(at: number | null, none: string): string {
  const iso = isoTime(at)
  return iso === null ? none : `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`
}

export function yesNo(value: boolean): string {
  return value ? 'yes' : 'no'
}

/** A preset's name where one fits exactly, else the scopes. */
export function scopeWords(scopes: Scopes): string {
  return nameOf(PRESETS, scopes) ?? scopeNames(scopes).join(',')
}

/** A level's name where one fits exactly, else the rights. */
export function rightWords(rights: Rights): string {
  return nameOf(LEVELS, rights) ?? rightNames(rights).join(',')
}

function nameOf(sets: ReadonlyMap<string, number>, bits: number): string | undefined {
  return [...sets].find(([, set]) => set === bits)?.[0]
}
