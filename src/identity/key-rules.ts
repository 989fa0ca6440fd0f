import type { KeyType } from '#credentials/ports.ts'
import { Fault } from '#faults'
import { parsePath, ROOT, type VirtualPath } from '#permissions/path.ts'
import { ALL_SCOPES, PRESETS, parseScope, type Scopes } from '#permissions/scopes.ts'
import type { SiteSettings } from './ports.ts'
import { isoTime } from './times.ts'

// The last instant that four digits of a year can write.
const LAST_INSTANT = Date.UTC(9999, 11, 31)

/** What limits a key: scopes by name, base path as text. */
export type LimitsInput = {
  /** Names of scopes or presets; absent takes `files_only`. */
  readonly scopes?: readonly string[] | undefined
  readonly basePath?: string | undefined
}

/** The union of scopes and presets by name. Fault: invalid. */
export function readScopes(names: readonly string[]): Scopes {
  return names.reduce((scopes, name) => {
    const bits = parseScope(name)
    if (bits === undefined) throw new Fault('invalid', `there is no scope or preset '${name}'`)
    return scopes | bits
  }, 0)
}

/** Limits of a new key. A site key has none: saying some is refused (REQUIREMENTS.md, K1). Fault: invalid. */
export function readLimits(
  type: KeyType,
  { scopes, basePath }: LimitsInput,
): { scopes: Scopes; basePath: VirtualPath } {
  if (type === 'site') {
    refuseLimits({ scopes, basePath })
    return { scopes: ALL_SCOPES, basePath: ROOT }
  }
  return {
    scopes: scopes === undefined ? (PRESETS.get('files_only') ?? 0) : readScopes(scopes),
    basePath: basePath === undefined ? ROOT : parsePath(basePath),
  }
}

/** A site key opens the whole site, whatever else was asked for. Fault: invalid. */
export function refuseLimits({ scopes, basePath }: LimitsInput): void {
  if (scopes !== undefined)
    throw new Fault('invalid', 'a site key has every scope; make a user key to limit it')
  if (basePath !== undefined) {
    throw new Fault('invalid', 'a site key sees the whole site; make a user key to limit it')
  }
}

/**
 * When a key expires (REQUIREMENTS.md, K6): `undefined` takes the site's default, null is never.
 * Fault: invalid for an instant that is over, or longer than the site allows.
 */
export function readExpiry(
  settings: SiteSettings,
  expiresAt: number | null | undefined,
  now: number,
): number | null {
  const latest = settings.maxKeyLifetime === null ? null : now + settings.maxKeyLifetime
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
    throw new Fault('invalid', `on this site a key made now expires by ${isoTime(latest)}`)
  }
  return expiresAt
}

function defaultExpiry(settings: SiteSettings, latest: number | null, now: number): number | null {
  if (settings.defaultKeyLifetime === null) return latest
  const wanted = now + settings.defaultKeyLifetime
  return latest === null ? wanted : Math.min(wanted, latest)
}
