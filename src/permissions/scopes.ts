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

/** A scope or preset name as bits; undefined when there is no such name. */
export function parseScope(name: string): Scopes | undefined {
  return BY_NAME.get(name) ?? PRESETS.get(name)
}
