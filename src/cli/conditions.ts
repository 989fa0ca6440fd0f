import { Fault } from '#faults'
import { type ConditionsInput, conditionsJson, type WindowInput } from '#identity/condition-rules.ts'
import { parseInstant } from '#identity/times.ts'
import type { Conditions } from '#permissions/conditions.ts'
import type { OptionSpecs, Typed } from './command.ts'
import { splitList } from './parse.ts'

const NONE = 'none'
const WEEK = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const

/** Options that say where and when something may be used (REQUIREMENTS.md, K11). */
export const CONDITION_OPTIONS: OptionSpecs = {
  allow: { type: 'string', value: 'CIDR,…', help: 'only from these addresses; none lifts it' },
  deny: { type: 'string', value: 'CIDR,…', help: 'not from these addresses; none lifts it' },
  door: { type: 'string', value: 'A,B', help: 'only through webdav, sftp, ftp, s3, rest; none lifts it' },
  window: { type: 'string', value: 'WHEN', help: "only then: 'mon-fri 08:00-18:00 Europe/Vienna; …'; none" },
  'not-before': { type: 'string', value: 'WHEN', help: 'not earlier than this ISO date; none lifts it' },
}

/** What those options say; undefined when none was given. Fault: invalid. */
export function readConditionOptions({ text }: Pick<Typed, 'text'>): ConditionsInput | undefined {
  if (Object.keys(CONDITION_OPTIONS).every((name) => text(name) === undefined)) return undefined
  return {
    allow: unlessNone(text('allow'), splitList),
    deny: unlessNone(text('deny'), splitList),
    doors: unlessNone(text('door'), splitList),
    windows: unlessNone(text('window'), readWindows),
    notBefore: unlessNone(text('not-before'), readStart),
  }
}

/** Conditions as lines of a result; none for no conditions. */
export function conditionFields(conditions: Conditions): [string, string][] {
  const { allow, deny, doors, windows, not_before } = conditionsJson(conditions)
  const fields: [string, string | undefined][] = [
    ['allow', allow?.join(', ')],
    ['deny', deny?.join(', ')],
    ['doors', doors?.join(', ')],
    ['windows', windows?.map(windowText).join('; ')],
    ['not before', not_before ?? undefined],
  ]
  return fields.flatMap(([name, text]): [string, string][] => (text === undefined ? [] : [[name, text]]))
}

function unlessNone<T>(text: string | undefined, read: (text: string) => T): T | null | undefined {
  if (text === undefined) return undefined
  return text === NONE ? null : read(text)
}

function readWindows(text: string): WindowInput[] {
  return text
    .split(';')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map(readWindow)
}

function readWindow(text: string): WindowInput {
  const [, days, from, to, zone] = /^(\S+) +(\d{2}:\d{2})-(\d{2}:\d{2}) +(\S+)$/.exec(text) ?? []
  if (days === undefined || from === undefined || to === undefined || zone === undefined) {
    throw new Fault('invalid', `--window is like 'mon-fri 08:00-18:00 Europe/Vienna', not '${text}'`)
  }
  return { days: splitList(days).flatMap(readDays), from, to, zone }
}

/** `mon`, `mon-fri`, `fri-mon` or `daily`. Unknown names are refused by the use case. */
function readDays(text: string): readonly string[] {
  if (text === 'daily') return WEEK
  const names: readonly string[] = WEEK
  const [first = '', last = first] = text.toLowerCase().split('-')
  const [start, end] = [names.indexOf(first), names.indexOf(last)]
  if (start === -1 || end === -1) return [text]
  const length = ((end - start + 7) % 7) + 1
  return Array.from({ length }, (_, offset) => names[(start + offset) % 7] ?? '')
}

function windowText({ days, from, to, zone }: WindowInput): string {
  return `${days.join(',')} ${from}-${to} ${zone}`
}

function readStart(text: string): number {
  const at = parseInstant(text)
  if (at === null) throw new Fault('invalid', `--not-before is an ISO date, or none, not '${text}'`)
  return at
}
