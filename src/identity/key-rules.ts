import { GUEST_NAME, type KeyRecord, type KeyType, type SiteSettings } from '#credentials/ports.ts'
import { Fault } from '#faults'
import type { MountRecord } from '#files/ports.ts'
import { parsePath, ROOT } from '#permissions/path.ts'
import { ALL_SCOPES, PRESETS, parseScope, type Scopes, scopeNames, scopesOf } from '#permissions/scopes.ts'
import { type ConditionsInput, mergeConditions } from './condition-rules.ts'
import { checkKeyName } from './names.ts'
import { isoTime } from './times.ts'

// The last instant that four digits of a year can write.
const LAST_INSTANT = Date.UTC(9999, 11, 31)

const NEVER_FOR_GUESTS = scopesOf('admin', 'folders.write', 'folders.purge')
// A site key has the rest of its limits from nobody: it opens the whole site.
const WHOLE_SITE = { scopes: ALL_SCOPES, basePath: ROOT, storages: null }

/** What limits a key, as it is written. */
export type LimitsInput = {
  /** Names of scopes or presets; absent takes `files_only`, for a guest key `read_only`. */
  readonly scopes?: readonly string[] | undefined
  readonly basePath?: string | undefined
  /** Mounts by id or path; null for all of them. */
  readonly storages?: readonly string[] | null | undefined
  readonly conditions?: ConditionsInput | undefined
}

/** What limits a key, checked. */
export type Limits = Pick<KeyRecord, 'scopes' | 'basePath' | 'storages' | 'conditions'>

/** The union of scopes and presets by name. Fault: invalid. */
export function readScopes(names: readonly string[]): Scopes {
  return names.reduce((scopes, name) => {
    const bits = parseScope(name)
    if (bits === undefined) throw new Fault('invalid', `there is no scope or preset '${name}'`)
    return scopes | bits
  }, 0)
}

/** Limits of a new key. Fault: invalid. */
export function readLimits(type: KeyType, input: LimitsInput, mounts: readonly MountRecord[]): Limits {
  const scopes = PRESETS.get(type === 'guest' ? 'read_only' : 'files_only') ?? 0
  const factory: Limits = { scopes, basePath: ROOT, storages: null, conditions: {} }
  return {
    ...factory,
    ...(type === 'site' ? WHOLE_SITE : {}),
    ...readNamedLimits({ type, conditions: {} }, input, mounts),
  }
}

/**
 * The limits that are named. A site key takes conditions only, and a guest key never administers
 * (REQUIREMENTS.md, K1). Fault: invalid.
 */
export function readNamedLimits(
  { type, conditions: held }: Pick<KeyRecord, 'type' | 'conditions'>,
  { scopes, basePath, storages, conditions }: LimitsInput,
  mounts: readonly MountRecord[],
): Partial<Limits> {
  if (type === 'site') refuseLimits({ scopes, basePath, storages })
  return {
    ...(scopes === undefined ? {} : { scopes: scopesFor(type, scopes) }),
    ...(basePath === undefined ? {} : { basePath: parsePath(basePath) }),
    ...(storages === undefined ? {} : { storages: readStorages(storages, mounts) }),
    ...(conditions === undefined ? {} : { conditions: mergeConditions(held, conditions) }),
  }
}

function scopesFor(type: KeyType, names: readonly string[]): Scopes {
  const scopes = readScopes(names)
  const never = scopes & NEVER_FOR_GUESTS
  if (type === 'guest' && never !== 0) {
    throw new Fault('invalid', `a guest key cannot have the scopes ${scopeNames(never).join(', ')}`)
  }
  return scopes
}

function refuseLimits({ scopes, basePath, storages }: LimitsInput): void {
  if (scopes !== undefined)
    throw new Fault('invalid', 'a site key has every scope; make a user key to limit it')
  if (basePath !== undefined) {
    throw new Fault('invalid', 'a site key sees the whole site; make a user key to limit it')
  }
  if (storages !== undefined) {
    throw new Fault('invalid', 'a site key has every storage; make a user key to limit it')
  }
}

/** Mounts of the site by id or path, as ids (REQUIREMENTS.md, S2). Fault: invalid. */
function readStorages(
  storages: readonly string[] | null,
  mounts: readonly MountRecord[],
): readonly string[] | null {
  if (storages === null) return null
  const ids = storages.map((text) => {
    const mount = mounts.find(({ id, path }) => id === text || path === text)
    if (mount === undefined) throw new Fault('invalid', `this site has no storage '${text}'`)
    return mount.id
  })
  return [...new Set(ids)]
}

/** The guest key's name is fixed, and no other key's (REQUIREMENTS.md, K1 and K3). Fault: invalid. */
export function checkNameFor(type: KeyType, name: string): void {
  checkKeyName(name)
  if ((name === GUEST_NAME) !== (type === 'guest')) {
    throw new Fault('invalid', `the guest key is named ${GUEST_NAME}, and no other key is`)
  }
}

/**
 * When a key expires (REQUIREMENTS.md, K6): `undefined` takes the site's default, null is never. The site's
 * maximum counts from `madeAt`, so that no change stretches it. Fault: invalid for an instant that is over, or
 * later than the site allows.
 */
export function readExpiry(
  settings: SiteSettings,
  expiresAt: number | null | undefined,
  { now, madeAt }: { readonly now: number; readonly madeAt: number },
): number | null {
  const latest = settings.maxKeyLifetime === null ? null : madeAt + settings.maxKeyLifetime
  if (expiresAt === undefined) return defaultExpiry(settings, latest, now)
  if (expiresAt === null) {
    if (latest !== null || !settings.allowNeverExpire) {
      throw new Fault('invalid', 'on this site a key has to expire')
    }
    return null
  }
  if (!Number.isSafeInteger(expiresAt) || expiresAt > LAST_INSTANT) {
    throw new Fault('invalid', 'the expiry is no instant that can be written')
  }
  if (expiresAt <= now) throw new Fault('invalid', 'the expiry is over already')
  if (latest !== null && expiresAt > latest) {
    throw new Fault('invalid', `on this site this key expires by ${isoTime(latest)}`)
  }
  return expiresAt
}

function defaultExpiry(settings: SiteSettings, latest: number | null, now: number): number | null {
  if (settings.defaultKeyLifetime === null) {
    if (latest === null && !settings.allowNeverExpire) {
      throw new Fault('invalid', 'on this site a key has to expire: say when')
    }
    return latest
  }
  const wanted = now + settings.defaultKeyLifetime
  return latest === null ? wanted : Math.min(wanted, latest)
}
