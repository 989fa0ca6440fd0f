import type { Static } from 'typebox'
import type { LiveSession } from '#audit/ports.ts'
import type { SiteSettings } from '#credentials/ports.ts'
import { Fault } from '#faults'
import type { MountRecord } from '#files/ports.ts'
import type { ShownEntry } from '#identity/audit.ts'
import { mergeConditions } from '#identity/condition-rules.ts'
import type { IssuedKey } from '#identity/create-key.ts'
import { readScopes } from '#identity/key-rules.ts'
import type {
  GroupDetails,
  KeyDetails,
  NamedGrant,
  SiteDetails,
  UseDetails,
  UserDetails,
} from '#identity/ports.ts'
import { FACTORY_SETTINGS } from '#identity/settings.ts'
import { readLifetime } from '#identity/times.ts'
import type { Conditions } from '#permissions/conditions.ts'
import { DOORS } from '#permissions/conditions.ts'
import { parseRight } from '#permissions/grants.ts'
import { parsePath } from '#permissions/path.ts'
import type { AuditPageSchema, LiveSessionPageSchema } from '#protocols/rest/audit-schemas.ts'
import { type ConditionsSchema, conditionsIn } from '#protocols/rest/conditions.ts'
import type {
  GrantSchema,
  GroupSchema,
  MountSchema,
  SiteSchema,
  UserSchema,
} from '#protocols/rest/people-schemas.ts'
import type { IssuedKeySchema, KeySchema } from '#protocols/rest/schemas.ts'

/* What the API answers, as the use cases give it. */

export function siteOf(json: Static<typeof SiteSchema>): SiteDetails {
  return {
    id: json.id,
    name: json.name,
    enabled: json.enabled,
    parentId: json.parent_id,
    hosts: json.hosts,
    createdAt: Date.parse(json.created_at),
    settings: settingsOf(json.settings),
    conditions: conditionsOf(json.conditions),
  }
}

function settingsOf(json: Static<typeof SiteSchema>['settings']): SiteSettings {
  return {
    ...FACTORY_SETTINGS,
    defaultKeyLifetime: lifetimeOf(json.default_key_lifetime),
    maxKeyLifetime: lifetimeOf(json.max_key_lifetime),
    allowNeverExpire: json.allow_never_expire,
    newKeysStartDisabled: json.new_keys_start_disabled,
    usersMayCreateKeys: json.users_may_create_keys,
    allowChosenValues: json.allow_chosen_values,
    passwordLogin: json.password_login,
    sshKeyLogin: json.ssh_key_login,
    expiredKeyRetention: lifetimeOf(json.expired_key_retention),
  }
}

function lifetimeOf(text: string): number | null {
  return readLifetime(text) ?? null
}

function conditionsOf(json: Static<typeof ConditionsSchema>): Conditions {
  return mergeConditions({}, conditionsIn(json) ?? {})
}

export function userOf(siteId: string, json: Static<typeof UserSchema>): UserDetails {
  return {
    id: json.id,
    siteId,
    name: json.name,
    role: json.role === 'administrator' ? 'administrator' : 'member',
    enabled: json.enabled,
    expiresAt: timeOf(json.expires_at),
    conditions: conditionsOf(json.conditions),
    homeFolder: parsePath(json.home_folder),
    email: json.email,
    hasPassword: json.has_password,
    createdAt: Date.parse(json.created_at),
  }
}

export function groupOf(siteId: string, json: Static<typeof GroupSchema>): GroupDetails {
  return { id: json.id, siteId, name: json.name, createdAt: Date.parse(json.created_at) }
}

export function grantOf(siteId: string, json: Static<typeof GrantSchema>): NamedGrant {
  return {
    id: json.id,
    siteId,
    userId: json.user?.id ?? null,
    userName: json.user?.name ?? null,
    groupId: json.group?.id ?? null,
    groupName: json.group?.name ?? null,
    path: parsePath(json.path),
    rights: json.rights.reduce((all, name) => all | (parseRight(name) ?? 0), 0),
    recursive: json.recursive,
  }
}

/** The folder of the server's machine is not told. */
export function mountOf(siteId: string, json: Static<typeof MountSchema>): MountRecord {
  const settings = { root: '', durable: true, trashDays: json.trash_days }
  return {
    id: json.id,
    siteId,
    path: parsePath(json.path),
    type: 'local',
    settings,
    readOnly: json.read_only,
  }
}

export function keyOf(json: Static<typeof KeySchema>): KeyDetails {
  const { type } = json
  return {
    id: json.id,
    siteId: json.site.id,
    siteName: json.site.name,
    userId: json.user?.id ?? null,
    userName: json.user?.name ?? null,
    type: type === 'site' || type === 'guest' ? type : 'user',
    name: json.name,
    description: json.description,
    scopes: readScopes(json.scopes),
    basePath: parsePath(json.base_path),
    storages: json.storages,
    conditions: conditionsOf(json.conditions),
    enabled: json.enabled,
    disabledBy:
      json.disabled_by === 'owner' || json.disabled_by === 'administrator' ? json.disabled_by : null,
    expiresAt: timeOf(json.expires_at),
    createdAt: Date.parse(json.created_at),
    accessKeyId: json.access_key_id,
    pairVersion: null,
    pairUse: json.access_key_use && useOf(json.access_key_use),
    values: json.values.map((value) => ({
      id: value.id,
      masked: value.masked,
      chosen: value.chosen,
      createdAt: Date.parse(value.created_at),
      stopsAt: timeOf(value.stops_at),
      ...useOf(value),
    })),
  }
}

export function issuedOf(json: Static<typeof IssuedKeySchema>): IssuedKey {
  const { value, access_key_id: accessKeyId, secret_access_key: secretAccessKey } = json
  if (value === null) throw new Fault('internal', 'the server made a key without a value')
  const pair = accessKeyId !== null && secretAccessKey !== null ? { accessKeyId, secretAccessKey } : null
  return { key: keyOf(json), value, pair }
}

export function useOf(json: {
  readonly last_used_at: string | null
  readonly last_used_address: string | null
  readonly last_used_door: string | null
  readonly last_used_client: string | null
}): UseDetails {
  return {
    lastUsedAt: timeOf(json.last_used_at),
    lastUsedAddress: json.last_used_address,
    lastUsedDoor: json.last_used_door,
    lastUsedClient: json.last_used_client,
  }
}

type SessionJson = Static<typeof LiveSessionPageSchema>['sessions'][number]
const KINDS = ['site', 'user', 'guest', 'person'] as const

export function sessionOf(siteId: string, json: SessionJson): LiveSession {
  return {
    id: json.id,
    siteId,
    kind: KINDS.find((kind) => kind === json.type) ?? 'user',
    userId: json.user?.id ?? null,
    userName: json.user?.name ?? null,
    keyId: json.key?.id ?? null,
    keyName: json.key?.name ?? null,
    door: doorOf(json.door) ?? 'rest',
    address: json.address,
    client: json.client,
    startedAt: Date.parse(json.since),
    bytesIn: json.bytes_in,
    bytesOut: json.bytes_out,
    current: json.current,
  }
}

type AuditJson = Static<typeof AuditPageSchema>['entries'][number]

export function auditOf(json: AuditJson): ShownEntry {
  return {
    sequence: json.sequence,
    at: Date.parse(json.at),
    action: json.action,
    outcome: json.outcome === 'refused' ? 'refused' : 'ok',
    reason: json.reason,
    siteId: json.site?.id ?? null,
    siteName: json.site?.name ?? null,
    userId: json.user?.id ?? null,
    userName: json.user?.name ?? null,
    keyId: json.key?.id ?? null,
    keyName: json.key?.name ?? null,
    door: json.door === 'command_line' ? 'command_line' : doorOf(json.door),
    address: json.address,
    subject: json.subject,
    target: json.target,
  }
}

function doorOf(name: string | null) {
  return DOORS.find((door) => door === name) ?? null
}

export function timeOf(text: string | null): number | null {
  return text === null ? null : Date.parse(text)
}
