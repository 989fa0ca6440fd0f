import type { SiteSettings } from '#credentials/ports.ts'
import { type MountRecord, trashDaysOf } from '#files/ports.ts'
import type { TrashEntry } from '#files/types.ts'
import { DOORS } from '#permissions/conditions.ts'
import { opensDoor } from '#permissions/decide.ts'
import { type Grant, rightNames } from '#permissions/grants.ts'
import { scopeNames } from '#permissions/scopes.ts'
import { conditionsJson } from './condition-rules.ts'
import type { IssuedKey } from './create-key.ts'
import type {
  GroupDetails,
  KeyDetails,
  KeyState,
  NamedGrant,
  SiteDetails,
  SshKeyDetails,
  UseDetails,
  UserDetails,
} from './ports.ts'
import { durationText, isoTime } from './times.ts'

/** What a client writes as its login for this key (REQUIREMENTS.md, D1). */
export function loginOf(key: { readonly id: string }): string {
  return `@api-${key.id}`
}

/** How a key stands at an instant. */
export function keyState(key: Pick<KeyDetails, 'enabled' | 'expiresAt'>, now: number): KeyState {
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
    storages: key.storages && [...key.storages],
    conditions: conditionsJson(key.conditions),
    enabled: key.enabled,
    state: keyState(key, now),
    disabled_by: key.disabledBy,
    created_at: isoTime(key.createdAt),
    expires_at: isoTime(key.expiresAt),
    access_key_id: key.accessKeyId,
    access_key_use: key.pairUse && useJson(key.pairUse),
    values: key.values.map((value) => ({
      id: value.id,
      masked: value.masked,
      chosen: value.chosen,
      created_at: isoTime(value.createdAt),
      stops_at: isoTime(value.stopsAt),
      ...useJson(value),
    })),
  }
}

function useJson({ lastUsedAt, lastUsedAddress, lastUsedDoor, lastUsedClient }: UseDetails) {
  return {
    last_used_at: isoTime(lastUsedAt),
    last_used_address: lastUsedAddress,
    last_used_door: lastUsedDoor,
    last_used_client: lastUsedClient,
  }
}

/** A new key or value with its secrets: the one time that they are shown. A guest key has none. */
export function issuedJson({ key, value, pair }: IssuedKey | GuestKey, now: number) {
  return { ...keyJson(key, now), value, secret_access_key: pair?.secretAccessKey ?? null }
}

type GuestKey = { readonly key: KeyDetails; readonly value: null; readonly pair: null }

/** What anybody may know of a site's guest key (REQUIREMENTS.md, D5). */
export function guestJson(key: KeyDetails) {
  return {
    site: { id: key.siteId, name: key.siteName },
    type: key.type,
    name: key.name,
    enabled: true,
    scopes: scopeNames(key.scopes),
    base_path: key.basePath,
    doors: DOORS.filter(
      (door) => opensDoor(key.scopes, door) && (key.conditions.doors?.includes(door) ?? true),
    ),
    expires_at: isoTime(key.expiresAt),
  }
}

export function siteJson(site: SiteDetails) {
  return {
    id: site.id,
    name: site.name,
    enabled: site.enabled,
    parent_id: site.parentId,
    hosts: [...site.hosts],
    created_at: isoTime(site.createdAt),
  }
}

/** A site with what it allows. */
export function wholeSiteJson(site: SiteDetails) {
  return {
    ...siteJson(site),
    settings: settingsJson(site.settings),
    conditions: conditionsJson(site.conditions),
  }
}

/** Settings with durations such as `30d`, or `never`. */
export function settingsJson(settings: SiteSettings) {
  return {
    default_key_lifetime: durationText(settings.defaultKeyLifetime),
    max_key_lifetime: durationText(settings.maxKeyLifetime),
    allow_never_expire: settings.allowNeverExpire,
    new_keys_start_disabled: settings.newKeysStartDisabled,
    users_may_create_keys: settings.usersMayCreateKeys,
    allow_chosen_values: settings.allowChosenValues,
    password_login: settings.passwordLogin,
    ssh_key_login: settings.sshKeyLogin ?? true,
    expired_key_retention: durationText(settings.expiredKeyRetention),
  }
}

export function userJson(user: UserDetails) {
  return {
    id: user.id,
    name: user.name,
    role: user.role,
    enabled: user.enabled,
    email: user.email,
    home_folder: user.homeFolder,
    has_password: user.hasPassword,
    conditions: conditionsJson(user.conditions),
    created_at: isoTime(user.createdAt),
    expires_at: isoTime(user.expiresAt),
  }
}

/** An SSH key; `public_key` is the line that a public key file holds. */
export function sshKeyJson(key: SshKeyDetails) {
  const { id, name, type, fingerprint } = key
  return {
    id,
    name,
    type,
    fingerprint,
    public_key: `${type} ${key.blob.toString('base64')} ${name}`,
    created_at: isoTime(key.createdAt),
    ...useJson(key),
  }
}

export function groupJson(group: GroupDetails) {
  return { id: group.id, name: group.name, created_at: isoTime(group.createdAt) }
}

/** A mount, without the folder of this machine that it shows. */
export function mountJson(mount: MountRecord) {
  const { id, path, type, readOnly } = mount
  return { id, path, type, read_only: readOnly, trash_days: trashDaysOf(mount) }
}

/** A grant of whomever it is being shown to. */
export function grantJson(grant: Grant) {
  return { path: grant.path, rights: rightNames(grant.rights), recursive: grant.recursive }
}

export function namedGrantJson(grant: NamedGrant) {
  const { id, userId, userName, groupId, groupName } = grant
  return {
    id,
    user: userId === null ? null : { id: userId, name: userName ?? '' },
    group: groupId === null ? null : { id: groupId, name: groupName ?? '' },
    ...grantJson(grant),
  }
}

/** Something in the trash. */
export function trashJson({ id, path, kind, size, deletedAt, user, key }: TrashEntry) {
  return { id, path, kind, size, deleted_at: isoTime(deletedAt), user, key }
}
