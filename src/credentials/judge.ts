import { type Circumstances, type ConditionReason, unmetCondition } from '#permissions/conditions.ts'
import { opensDoor } from '#permissions/decide.ts'
import type { Account, Person, SiteRecord, UserRecord } from './ports.ts'

/** The true cause of a refusal. It goes to the audit and never to the client (REQUIREMENTS.md, R2). */
export type RefusalReason =
  | 'nothing_presented'
  | 'no_guest'
  | 'held_back'
  | 'mistyped'
  | 'unknown'
  | 'wrong_value'
  | 'other_login'
  | 'other_site'
  | 'site_disabled'
  | 'key_disabled'
  | 'key_expired'
  | 'value_stopped'
  | 'no_passwords'
  | 'no_ssh_keys'
  | 'second_factor'
  | 'wrong_code'
  | 'user_missing'
  | 'user_elsewhere'
  | 'user_disabled'
  | 'user_expired'
  | 'no_scopes'
  | 'door_scope'
  | ConditionReason

/** What is known of the attempt once its proof was found to be right. */
export type AttemptFacts = Circumstances & {
  /** The site that listener or host name say; null when they are silent. */
  readonly siteId: string | null
}

export type Facts = AttemptFacts & {
  /** When the presented value stops; null for never. */
  readonly valueStopsAt: number | null
}

/** May this account, whose value was right, come in? Null for yes. Pure. */
export function judge(account: Account, facts: Facts): RefusalReason | null {
  const { site, key } = account
  const reason = judgeSite(site, facts)
  if (reason !== null) return reason
  if (!key.enabled) return 'key_disabled'
  if (isOver(key.expiresAt, facts.now)) return 'key_expired'
  if (isOver(facts.valueStopsAt, facts.now)) return 'value_stopped'
  if (key.type === 'user') {
    const reason = judgeUser(account.user, key.siteId, facts.now)
    if (reason !== null) return reason
  }
  if (key.type !== 'site' && key.scopes === 0) return 'no_scopes'
  if (key.type !== 'site' && !opensDoor(key.scopes, facts.door)) return 'door_scope'
  return unmetCondition(conditionsOf(account), facts)
}

/** May this person, whose password was right, come in? Null for yes. Pure (REQUIREMENTS.md, D7). */
export function judgePerson(person: Person, facts: AttemptFacts): RefusalReason | null {
  const reason = judgeSite(person.site, facts)
  if (reason !== null) return reason
  if (!person.site.settings.passwordLogin) return 'no_passwords'
  if (person.hasSecondFactor) return 'second_factor'
  return judgeInConsole(person, facts)
}

/** May this person, who signed with an own SSH key, come in? No second factor is asked for: the key is none to guess. */
export function judgeSshKey(person: Person, facts: AttemptFacts): RefusalReason | null {
  const reason = judgeSite(person.site, facts)
  if (reason !== null) return reason
  if (person.site.settings.sshKeyLogin === false) return 'no_ssh_keys'
  return judgeInConsole(person, facts)
}

/** The same for the console, which every person may enter, and which asks for the second factor itself. Pure. */
export function judgeInConsole(person: Person, facts: AttemptFacts): RefusalReason | null {
  const { site, user } = person
  const reason = judgeSite(site, facts)
  if (reason !== null) return reason
  return judgeUser(user, site.id, facts.now) ?? unmetCondition(conditionsOfPerson(person), facts)
}

/** Of site, user and key: all of them must hold. */
export function conditionsOf({ site, user, key }: Account) {
  return user === null
    ? [site.conditions, key.conditions]
    : [site.conditions, user.conditions, key.conditions]
}

/** Of site and user: both must hold. */
export function conditionsOfPerson({ site, user }: Person) {
  return [site.conditions, user.conditions]
}

function judgeSite(site: SiteRecord, { siteId }: AttemptFacts): RefusalReason | null {
  if (siteId !== null && siteId !== site.id) return 'other_site'
  return site.enabled ? null : 'site_disabled'
}

function judgeUser(user: UserRecord | null, siteId: string, now: number): RefusalReason | null {
  if (user === null) return 'user_missing'
  if (user.siteId !== siteId) return 'user_elsewhere'
  if (!user.enabled) return 'user_disabled'
  if (isOver(user.expiresAt, now)) return 'user_expired'
  return null
}

function isOver(instant: number | null, now: number): boolean {
  return instant !== null && now >= instant
}
