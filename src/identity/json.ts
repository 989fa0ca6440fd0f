import { type Grant, rightNames } from '#permissions/grants.ts'
import { scopeNames } from '#permissions/scopes.ts'
import type { IssuedKey } from './create-key.ts'
import type { NamedGrant } from './grants.ts'
import type { KeyDetails, SiteDetails, UserDetails } from './ports.ts'
import { isoTime } from './times.ts'

/** What a client writes as its login for this key (REQUIREMENTS.md, D1). */
export function loginOf(key: { readonly id: string }): string {
  return `@api-${key.id}`
}

/** How a key stands at an instant. */
export function keyState(key: KeyDetails, now: number): 'active' | 'disabled' | 'expired' {
  if (key.expiresAt !== null && now >= key.expiresAt) return 'expired'
  return key.enabled ? 'active' : 'disabled'
}

/** A key as JSON answers show it, over HTTP and on the command line: never its value. */
export function keyJson(key: KeyDetails, now: number) {
  return {
    id: key.id,
    login: loginOf(key),
    name: key.name,
    description: key.description,
    type: key.type,
    site: { id: key.siteId, name: key.siteName },
    user: key.userId === null ? null : { id: key.userId, name: key.userName ?? '' },
    scopes: scopeNames(key.scopes),
    base_path: key.basePath,
    enabled: key.enabled,
    state: keyState(key, now),
    created_at: isoTime(key.createdAt),
    expires_at: isoTime(key.expiresAt),
    access_key_id: key.accessKeyId,
    values: key.values.map((value) => ({
      id: value.id,
      masked: value.masked,
      created_at: isoTime(value.createdAt),
      stops_at: isoTime(value.stopsAt),
      last_used_at: isoTime(value.lastUsedAt),
    })),
  }
}

/** A new key with its secrets: the one time that they are shown. */
export function issuedJson({ key, value, pair }: IssuedKey, now: number) {
  return { ...keyJson(key, now), value, secret_access_key: pair?.secretAccessKey ?? null }
}

export function siteJson(site: SiteDetails) {
  return {
    id: site.id,
    name: site.name,
    enabled: site.enabled,
    hosts: site.hosts,
    created_at: isoTime(site.createdAt),
  }
}

export function userJson(user: UserDetails) {
  return {
    id: user.id,
    name: user.name,
    role: user.role,
    enabled: user.enabled,
    created_at: isoTime(user.createdAt),
  }
}

/** A grant of whomever it is being shown to. */
export function grantJson(grant: Grant) {
  return { path: grant.path, rights: rightNames(grant.rights), recursive: grant.recursive }
}

export function namedGrantJson(grant: NamedGrant) {
  return { id: grant.id, user: { id: grant.userId, name: grant.userName }, ...grantJson(grant) }
}
