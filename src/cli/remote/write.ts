import type { SiteSettings } from '#credentials/ports.ts'
import type { ConditionsInput } from '#identity/condition-rules.ts'
import type { LimitsInput } from '#identity/key-rules.ts'
import { durationText, isoTime } from '#identity/times.ts'

/* What use cases take, as the API takes it. JSON leaves out what is undefined. */

export function timeBody(at: number | null | undefined): string | null | undefined {
  return at === undefined ? undefined : isoTime(at)
}

export function conditionsBody(conditions: ConditionsInput | undefined) {
  if (conditions === undefined) return undefined
  const { notBefore, ...rest } = conditions
  return { ...rest, not_before: timeBody(notBefore) }
}

export function limitsBody({ scopes, basePath, storages, conditions }: LimitsInput) {
  return { scopes, base_path: basePath, storages, conditions: conditionsBody(conditions) }
}

export function settingsBody(
  settings: { readonly [Name in keyof SiteSettings]?: SiteSettings[Name] | undefined },
) {
  const time = (ms: number | null | undefined) => (ms === undefined ? undefined : durationText(ms))
  return {
    default_key_lifetime: time(settings.defaultKeyLifetime),
    max_key_lifetime: time(settings.maxKeyLifetime),
    allow_never_expire: settings.allowNeverExpire,
    new_keys_start_disabled: settings.newKeysStartDisabled,
    users_may_create_keys: settings.usersMayCreateKeys,
    allow_chosen_values: settings.allowChosenValues,
    password_login: settings.passwordLogin,
    ssh_key_login: settings.sshKeyLogin,
    expired_key_retention: time(settings.expiredKeyRetention),
  }
}
