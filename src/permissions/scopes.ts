/** What a key may do at most (REQUIREMENTS.md, S). Stored as one integer; the API shows names. */
export const SCOPE_BITS = {
  'files.list': 1 << 0,
  'files.read': 1 << 1,
  'files.write': 1 << 2,
  'files.copy': 1 << 3,
  'files.rename': 1 << 4,
  'files.delete': 1 << 5,
  'files.purge': 1 << 6,
  'folders.read': 1 << 7,
  'folders.write': 1 << 8,
  'folders.purge': 1 << 9,
  'text.share': 1 << 10,
  'text.manage': 1 << 11,
  'file.share': 1 << 12,
  'file.manage': 1 << 13,
  'webdav.read': 1 << 14,
  'webdav.manage': 1 << 15,
  sftp: 1 << 16,
  ftp: 1 << 17,
  s3: 1 << 18,
  rest: 1 << 19,
  admin: 1 << 20,
} as const

export type Scope = keyof typeof SCOPE_BITS
/** Bit set of scopes. */
export type Scopes = number

const BY_NAME: ReadonlyMap<string, number> = new Map(Object.entries(SCOPE_BITS))

export const NO_SCOPES: Scopes = 0
export const ALL_SCOPES: Scopes = [...BY_NAME.values()].reduce((all, bit) => all | bit, 0)

export function scopesOf(...names: readonly Scope[]): Scopes {
  return names.reduce((all, name) => all | SCOPE_BITS[name], 0)
}

/** True when every bit of `needed` is in `held`. */
export function hasScopes(held: Scopes, needed: Scopes): boolean {
  return (held & needed) === needed
}

export function scopeNames(scopes: Scopes): string[] {
  return [...BY_NAME].filter(([, bit]) => (scopes & bit) !== 0).map(([name]) => name)
}

const ANY_DOOR = scopesOf('webdav.read', 'webdav.manage', 'sftp', 'ftp', 's3', 'rest')
const FILES_ALL = scopesOf(
  'files.list',
  'files.read',
  'files.write',
  'files.copy',
  'files.rename',
  'files.delete',
  'files.purge',
  'folders.read',
)

/**
 * The six scopes of a forum's download add-on under names that its administrators find, and CloudPaste's bits by name
 * and number (REQUIREMENTS.md, S3). Those systems know these only through HTTP, so each opens REST; CloudPaste's
 * WebDAV bits open WebDAV instead.
 */
const ADD_ON: readonly [string, Scopes][] = [
  ['addon.read_downloads', scopesOf('files.list', 'files.read', 'rest')],
  ['addon.write_downloads', scopesOf('files.write', 'files.delete', 'rest')],
  ['addon.hard_delete_downloads', scopesOf('files.purge', 'rest')],
  ['addon.read_categories', scopesOf('folders.read', 'rest')],
  ['addon.write_categories', scopesOf('folders.write', 'rest')],
  ['addon.hard_delete_categories', scopesOf('folders.purge', 'rest')],
]

const CLOUDPASTE: readonly [string, number, Scopes][] = [
  ['TEXT_SHARE', 1, scopesOf('text.share', 'rest')],
  ['TEXT_MANAGE', 2, scopesOf('text.manage', 'rest')],
  ['FILE_SHARE', 4, scopesOf('file.share', 'rest')],
  ['FILE_MANAGE', 8, scopesOf('file.manage', 'rest')],
  ['MOUNT_VIEW', 256, scopesOf('files.list', 'files.read', 'folders.read', 'rest')],
  ['MOUNT_UPLOAD', 512, scopesOf('files.write', 'rest')],
  ['MOUNT_COPY', 1024, scopesOf('files.copy', 'rest')],
  ['MOUNT_RENAME', 2048, scopesOf('files.rename', 'rest')],
  ['MOUNT_DELETE', 4096, scopesOf('files.delete', 'rest')],
  ['WEBDAV_READ', 65_536, scopesOf('webdav.read')],
  ['WEBDAV_MANAGE', 131_072, scopesOf('webdav.manage')],
]

/** The add-on's scopes and CloudPaste's bits by name, as sets of ours. */
export const FOREIGN_SCOPES: ReadonlyMap<string, Scopes> = new Map([
  ...ADD_ON,
  ...CLOUDPASTE.map(([name, , scopes]): [string, Scopes] => [name, scopes]),
])

/** Named sets for those who do not want to tick single scopes (REQUIREMENTS.md, S3). */
export const PRESETS: ReadonlyMap<string, Scopes> = new Map([
  ['full', ALL_SCOPES],
  ['files_only', ANY_DOOR | FILES_ALL],
  [
    'read_only',
    scopesOf('files.list', 'files.read', 'folders.read', 'webdav.read', 'sftp', 'ftp', 's3', 'rest'),
  ],
  ['upload_only', scopesOf('files.write', 'webdav.manage', 'sftp', 'ftp', 's3', 'rest')],
  ['none', NO_SCOPES],
])

/** A scope, a preset, a foreign scope, or a decimal sum of CloudPaste's bits; undefined for anything else. */
export function parseScope(text: string): Scopes | undefined {
  return BY_NAME.get(text) ?? PRESETS.get(text) ?? FOREIGN_SCOPES.get(text) ?? parseBits(text)
}

function parseBits(text: string): Scopes | undefined {
  if (!/^\d{1,6}$/.test(text)) return undefined
  const held = CLOUDPASTE.filter(([, bit]) => (Number(text) & bit) !== 0)
  const known = held.reduce((sum, [, bit]) => sum + bit, 0)
  if (known !== Number(text)) return undefined
  return held.reduce((scopes, [, , more]) => scopes | more, NO_SCOPES)
}
