import type { SiteSettings } from '#credentials/ports.ts'
import { Fault } from '#faults'
import type { MountRecord } from '#files/ports.ts'
import type { LimitsInput } from '#identity/key-rules.ts'
import type { KeyDetails } from '#identity/ports.ts'
import { durationText, parseDuration } from '#identity/times.ts'
import { type Conditions, DOORS } from '#permissions/conditions.ts'
import { PRESETS, SCOPE_BITS, type Scope, scopeNames } from '#permissions/scopes.ts'
import { type Html, html, type Piece } from '../html.ts'
import { DOOR_NAMES, PRESET_SENTENCES, SCOPE_SENTENCES } from '../sentences.ts'
import { check, input, select, textarea } from '../ui.ts'
import { field, type Visit } from '../visit.ts'

const DAYS = [
  ['mon', 'Mon'],
  ['tue', 'Tue'],
  ['wed', 'Wed'],
  ['thu', 'Thu'],
  ['fri', 'Fri'],
  ['sat', 'Sat'],
  ['sun', 'Sun'],
] as const
const DAY_NUMBERS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
const SCOPES = Object.keys(SCOPE_BITS).filter((name): name is Scope => name in SCOPE_BITS)

/** What the fields show: of a key, or of what was sent before. */
export type LimitValues = {
  readonly preset: string
  readonly scopes: ReadonlySet<string>
  readonly basePath: string
  /** Ids of mounts; null for all. */
  readonly storages: readonly string[] | null
  readonly conditions: Conditions
}

export const FACTORY_LIMITS: LimitValues = {
  preset: 'files_only',
  scopes: new Set(scopeNames(PRESETS.get('files_only') ?? 0)),
  basePath: '/',
  storages: null,
  conditions: {},
}

export function limitsOf(key: KeyDetails): LimitValues {
  const preset = [...PRESETS].find(([, bits]) => bits === key.scopes)?.[0] ?? 'custom'
  const { basePath, storages, conditions } = key
  return { preset, scopes: new Set(scopeNames(key.scopes)), basePath, storages, conditions }
}

/** The fields of what limits a key. */
export function limitFields(values: LimitValues, mounts: readonly MountRecord[]): Html {
  return html`${scopeFields(values)}
<fieldset><legend>Where</legend>
${input({ name: 'base_path', label: 'Folder', value: values.basePath, hint: 'The key sees nothing outside of it. / is everything that its user may see.', more: html`maxlength="4000" spellcheck="false"` })}
${mounts.length > 1 && storageFields(values, mounts)}
</fieldset>
${conditionFields(values.conditions)}`
}

function scopeFields({ preset, scopes }: LimitValues): Html {
  const presets = [...PRESET_SENTENCES].map(([name, about]) =>
    check('radio', 'preset', name, { label: name.replace('_', ' '), about, on: name === preset }),
  )
  const ticks = SCOPES.map((scope) =>
    check('checkbox', 'scope', scope, { label: scope, about: SCOPE_SENTENCES[scope], on: scopes.has(scope) }),
  )
  return html`<fieldset data-scopes><legend>What it may do at most</legend>
<div class="checks">${presets}${check('radio', 'preset', 'custom', { label: 'Pick single scopes', about: 'Tick each below.', on: preset === 'custom' })}</div>
<details class="ticks"${preset === 'custom' && html` open`}><summary>Single scopes</summary><p class="hint">They count when “Pick single scopes” is chosen.</p><div class="checks two">${ticks}</div></details>
</fieldset>`
}

function storageFields({ storages }: LimitValues, mounts: readonly MountRecord[]): Html {
  return html`<fieldset class="inner"><legend>Storages</legend><p class="hint">None ticked: all of them.</p><div class="checks two">${mounts.map(
    ({ id, path }) => check('checkbox', 'storage', id, { label: path, on: storages?.includes(id) === true }),
  )}</div></fieldset>`
}

/** The fields of conditions, which keys, users and sites share. */
export function conditionFields(conditions: Conditions): Html {
  const { allow, deny, doors, windows, notBefore } = conditions
  const [window] = windows ?? []
  const clock = (minute: number | undefined) =>
    minute === undefined
      ? ''
      : `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`
  const dayNames = new Set(window?.days.map((day) => DAY_NUMBERS[day]) ?? [])
  const isOpen = Object.keys(conditions).length > 0
  return html`<details class="group"${isOpen && html` open`}><summary>Doors, addresses and times</summary>
<fieldset><legend>Doors</legend><p class="hint">None ticked: every door that the scopes open.</p><div class="checks two">${DOORS.map(
    (door) =>
      check('checkbox', 'door', door, { label: DOOR_NAMES[door], on: doors?.includes(door) === true }),
  )}</div></fieldset>
<div class="two">${textarea({ name: 'allow', label: 'Only from these addresses', value: (allow ?? []).join('\n'), hint: 'One address or range such as 10.0.0.0/8 on each line; empty: from everywhere.' })}
${textarea({ name: 'deny', label: 'Never from these', value: (deny ?? []).join('\n') })}</div>
${
  windows !== undefined && windows.length > 1
    ? html`<p class="note">There are ${windows.length} time windows; the API and the command line change them. Saving here leaves them as they are.</p>`
    : html`<fieldset><legend>Only at these times</legend><div class="checks days">${DAYS.map(([name, label]) => check('checkbox', 'day', name, { label, on: dayNames.has(name) }))}</div>
<div class="three">${input({ name: 'from', label: 'From', value: clock(window?.from), more: html`placeholder="08:00" pattern="[0-9]{2}:[0-9]{2}"` })}${input({ name: 'until', label: 'Until', value: clock(window?.to), more: html`placeholder="18:00" pattern="[0-9]{2}:[0-9]{2}"` })}${input({ name: 'zone', label: 'Time zone', value: window?.zone ?? '', more: html`placeholder="Europe/Berlin"` })}</div><p class="hint">No day ticked: at any time.</p></fieldset>`
}
${input({ name: 'not_before', label: 'Not before (UTC)', type: 'datetime-local', value: notBefore === undefined ? '' : new Date(notBefore).toISOString().slice(0, 16) })}
</details>`
}

/** Reads `limitFields`. `held`: what a form of this kind cannot show stays as it is. */
export function readLimitFields(visit: Visit, held: Conditions = {}): LimitsInput {
  const preset = field(visit, 'preset')
  const storages = visit.form.getAll('storage')
  return {
    scopes: preset === 'custom' || preset === '' ? visit.form.getAll('scope') : [preset],
    basePath: field(visit, 'base_path') || '/',
    storages: storages.length === 0 ? null : storages,
    conditions: readConditionFields(visit, held),
  }
}

/** Reads `conditionFields`. */
export function readConditionFields(visit: Visit, held: Conditions): NonNullable<LimitsInput['conditions']> {
  const lines = (name: string) =>
    field(visit, name)
      .split(/[\s,]+/)
      .filter((line) => line !== '')
  const some = (list: readonly string[]) => (list.length === 0 ? null : list)
  const notBefore = field(visit, 'not_before')
  const several = (held.windows?.length ?? 0) > 1
  return {
    allow: some(lines('allow')),
    deny: some(lines('deny')),
    doors: some(visit.form.getAll('door')),
    ...(several ? {} : { windows: readWindow(visit) }),
    notBefore: notBefore === '' ? null : instantOf(notBefore, 'not before'),
  }
}

function readWindow(visit: Visit) {
  const days = visit.form.getAll('day')
  if (days.length === 0) return null
  const from = field(visit, 'from') || '00:00'
  return [{ days, from, to: field(visit, 'until') || '24:00', zone: field(visit, 'zone') || 'UTC' }]
}

function instantOf(text: string, what: string): number {
  const at = Date.parse(/^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00Z` : `${text}Z`)
  if (Number.isNaN(at)) throw new Fault('invalid', `${what} is no date and time`)
  return at
}

type Lifetimes = Pick<SiteSettings, 'defaultKeyLifetime' | 'maxKeyLifetime' | 'allowNeverExpire'>

/** The field of when a key ends; `expiresAt` undefined: a new key. */
export function expiryFields(settings: Lifetimes, expiresAt?: number | null): Piece {
  const held: readonly (readonly [string, string])[] =
    expiresAt === undefined
      ? [['default', `The site’s default (${durationText(settings.defaultKeyLifetime)})`]]
      : [['keep', 'As it is']]
  const spans = ['1d', '7d', '30d', '90d', '365d']
    .filter(
      (span) => settings.maxKeyLifetime === null || (parseDuration(span) ?? 0) <= settings.maxKeyLifetime,
    )
    .map((span) => [span, `In ${span === '1d' ? '1 day' : `${span.slice(0, -1)} days`}`] as const)
  const never =
    settings.allowNeverExpire && settings.maxKeyLifetime === null ? [['never', 'Never'] as const] : []
  return html`<div class="two">${select({ name: 'expires', label: 'Ends' }, [...held, ...spans, ...never, ['at', 'At the date beside']])}${input({ name: 'expires_at', label: 'Date (UTC)', type: 'date', value: expiresAt == null ? '' : new Date(expiresAt).toISOString().slice(0, 10) })}</div>`
}

/** Reads `expiryFields`: undefined for the default, or as it is. */
export function readExpiryFields(visit: Visit, now: number): number | null | undefined {
  const chosen = field(visit, 'expires')
  if (chosen === 'never') return null
  if (chosen === 'at') return instantOf(field(visit, 'expires_at'), 'the end')
  const span = parseDuration(chosen)
  return span === null ? undefined : now + span
}
