import { Fault } from '#faults'
import type { IssuedKey } from '#identity/create-key.ts'
import { loginOf } from '#identity/json.ts'
import type { LimitsInput } from '#identity/key-rules.ts'
import type { KeyDetails } from '#identity/ports.ts'
import { parseDuration, parseInstant } from '#identity/times.ts'
import type { CommandContext, OptionSpecs, Typed } from './command.ts'
import { CONDITION_OPTIONS, conditionFields, readConditionOptions } from './conditions.ts'
import { splitList } from './parse.ts'
import { findKey } from './use-cases.ts'
import { minute, scopeWords } from './words.ts'

/* What the commands about keys have in common. */

export const KEY = { name: 'KEY', help: "the key's id or name" }

/** Options that limit a key. */
export const LIMIT_OPTIONS: OptionSpecs = {
  scopes: { type: 'string', value: 'A,B', help: 'what it may do at most: presets or scopes' },
  preset: { type: 'string', value: 'NAME', help: 'another word for --scopes' },
  'base-path': { type: 'string', value: 'PATH', help: 'folder outside of which it sees nothing' },
  storage: { type: 'string', value: 'A,B', help: 'only these mounts, by id or path; all lifts it' },
  ...CONDITION_OPTIONS,
  expires: { type: 'string', value: 'WHEN', help: '12h, 30d, 4w, an ISO date, or never' },
  description: { type: 'string', value: 'TEXT', help: 'what it is for' },
}

export const SCOPES_HELP = `Scopes: presets full, files_only (default), read_only, upload_only, none; or single ones:
files.list files.read files.write files.copy files.rename files.delete files.purge
folders.read folders.write folders.purge text.share text.manage file.share file.manage
webdav.read webdav.manage sftp ftp s3 rest admin
Those who come from elsewhere find addon.read_downloads addon.write_downloads
addon.hard_delete_downloads addon.read_categories addon.write_categories
addon.hard_delete_categories, and CloudPaste's bits by name (MOUNT_VIEW …) or as one number.`

/** The key that the first argument names. Fault: not_found. */
export async function namedKey({ identity, actor, args: [text = ''], site }: CommandContext) {
  return findKey(identity, actor, (await site()).id, text)
}

/** What the limiting options say, and the description. Fault: invalid. */
export function readLimitOptions(context: Pick<CommandContext, 'identity' | 'text'>): LimitsInput & {
  readonly description: string | undefined
  readonly expiresAt: number | null | undefined
} {
  const { identity, text } = context
  const storage = text('storage')
  return {
    scopes: readScopeOptions(context),
    basePath: text('base-path'),
    storages: storage === undefined || storage === 'all' ? storage && null : splitList(storage),
    conditions: readConditionOptions(context),
    expiresAt: readExpires(text('expires'), identity.clock.now()),
    description: text('description'),
  }
}

/** The secrets of a key, which are shown this once. */
export function secretFields({ key, value, pair }: IssuedKey): [string, string][] {
  const fields: [string, string][] = [
    ['id', key.id],
    ['login', loginOf(key)],
    ['value', value],
  ]
  if (pair !== null) {
    fields.push(['access key id', pair.accessKeyId], ['secret access key', pair.secretAccessKey])
  }
  return fields
}

/** What limits a key. */
export function limitFields(key: KeyDetails): [string, string][] {
  return [
    ['belongs to', key.userName ?? `the site ${key.siteName}`],
    ['scopes', scopeWords(key.scopes)],
    ['base path', key.basePath],
    ...(key.storages === null ? [] : [['storages', key.storages.join(', ')] satisfies [string, string]]),
    ...conditionFields(key.conditions),
    ['expires', minute(key.expiresAt, 'never')],
  ]
}

function readScopeOptions({ text }: Pick<Typed, 'text'>): string[] | undefined {
  const named = [text('scopes'), text('preset')].filter((one) => one !== undefined)
  return named.length === 0 ? undefined : named.flatMap(splitList)
}

function readExpires(text: string | undefined, now: number): number | null | undefined {
  if (text === undefined) return undefined
  if (text === 'never') return null
  const lifetime = parseDuration(text)
  const at = lifetime === null ? parseInstant(text) : now + lifetime
  if (at === null)
    throw new Fault('invalid', `--expires is 12h, 30d, 4w, an ISO date, or never, not '${text}'`)
  return at
}
