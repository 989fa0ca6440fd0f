import type { SiteSettings } from '#credentials/ports.ts'
import { Fault } from '#faults'
import { durationText } from './times.ts'

/**
 * What a new site starts with (REQUIREMENTS.md, K6, K7 and D7). Password login is on: nobody has a password
 * before an administrator hands out a one-time link, and the link would lead nowhere without.
 */
export const FACTORY_SETTINGS: SiteSettings = {
  defaultKeyLifetime: 30 * 86_400_000,
  allowNeverExpire: true,
  maxKeyLifetime: null,
  newKeysStartDisabled: false,
  usersMayCreateKeys: false,
  allowChosenValues: false,
  passwordLogin: true,
  sshKeyLogin: true,
  expiredKeyRetention: 90 * 86_400_000,
}

const LONGEST_LIFETIME = 100 * 366 * 86_400_000

/** Changes to a site's settings: absent leaves as it is. */
export type SettingsInput = { readonly [Name in keyof SiteSettings]?: SiteSettings[Name] | undefined }

/** The settings after a change. They hold for keys made or changed from then on. Fault: invalid. */
export function mergeSettings(held: SiteSettings, input: SettingsInput): SiteSettings {
  const take = <T>(given: T | undefined, before: T) => (given === undefined ? before : given)
  const settings: SiteSettings = {
    defaultKeyLifetime: take(input.defaultKeyLifetime, held.defaultKeyLifetime),
    allowNeverExpire: take(input.allowNeverExpire, held.allowNeverExpire),
    maxKeyLifetime: take(input.maxKeyLifetime, held.maxKeyLifetime),
    newKeysStartDisabled: take(input.newKeysStartDisabled, held.newKeysStartDisabled),
    usersMayCreateKeys: take(input.usersMayCreateKeys, held.usersMayCreateKeys),
    allowChosenValues: take(input.allowChosenValues, held.allowChosenValues),
    passwordLogin: take(input.passwordLogin, held.passwordLogin),
    sshKeyLogin: take(input.sshKeyLogin, held.sshKeyLogin ?? true),
    expiredKeyRetention: take(input.expiredKeyRetention, held.expiredKeyRetention),
  }
  checkSettings(settings)
  return settings
}

function checkSettings(settings: SiteSettings): void {
  const { defaultKeyLifetime, maxKeyLifetime, allowNeverExpire, expiredKeyRetention } = settings
  checkLifetime('the default lifetime', defaultKeyLifetime, 1000)
  checkLifetime('the longest lifetime', maxKeyLifetime, 1000)
  checkLifetime('the retention', expiredKeyRetention, 0)
  if (defaultKeyLifetime !== null && maxKeyLifetime !== null && defaultKeyLifetime > maxKeyLifetime) {
    throw new Fault(
      'invalid',
      `the default lifetime is longer than the longest, ${durationText(maxKeyLifetime)}`,
    )
  }
  if (!allowNeverExpire && defaultKeyLifetime === null && maxKeyLifetime === null) {
    throw new Fault('invalid', 'where keys have to expire, a default or a longest lifetime is needed')
  }
}

function checkLifetime(what: string, lifetime: number | null, least: number): void {
  if (lifetime === null) return
  if (Number.isSafeInteger(lifetime) && lifetime >= least && lifetime <= LONGEST_LIFETIME) return
  throw new Fault(
    'invalid',
    `${what} lies between ${least === 0 ? 'nothing' : 'a second'} and a hundred years`,
  )
}
