import type { Conditions } from './conditions.ts'
import type { Grant } from './grants.ts'
import type { VirtualPath } from './path.ts'
import type { Scopes } from './scopes.ts'

export type Role = 'administrator' | 'member'

/** Who was authenticated and all that limits them. Plain data; a snapshot that revocation ends. */
export type Principal = {
  readonly kind: 'site' | 'user' | 'guest' | 'person'
  readonly siteId: string
  readonly siteName: string
  /** Null for site and guest keys. `home`: where sessions of SFTP and FTP start, when that is not the root. */
  readonly user: { readonly id: string; readonly name: string; readonly home?: VirtualPath } | null
  /** Null for a person who logged in with an own password or SSH key. */
  readonly key: { readonly id: string; readonly name: string } | null
  readonly role: Role
  readonly scopes: Scopes
  readonly grants: readonly Grant[]
  readonly basePath: VirtualPath
  /** Mount ids that exist for this principal; null means all. */
  readonly storages: readonly string[] | null
  /** Of site, user and key; all must hold. */
  readonly conditions: readonly Conditions[]
  /** Milliseconds since the epoch at which the session ends; null for never. */
  readonly expiresAt: number | null
}
