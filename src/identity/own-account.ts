import { hashPassword } from '#credentials/passwords.ts'
import type { BrowserRecord } from '#credentials/ports.ts'
import { Fault } from '#faults'
import { type Actor, administeredSite, auditEntry } from './actor.ts'
import { commit, type IdentityDeps } from './deps.ts'
import { checkPassword } from './password-rule.ts'
import type { SshKeyDetails, UserDetails, Whose } from './ports.ts'

/** Somebody who came as themselves, with an own login and not with a key. Fault: forbidden. */
export function personOf(actor: Actor): Whose & { readonly userName: string } {
  if (actor.kind === 'principal' && actor.principal.kind === 'person' && actor.principal.user !== null) {
    const { siteId, user } = actor.principal
    return { siteId, userId: user.id, userName: user.name }
  }
  throw new Fault('forbidden', 'only people who log in as themselves have an account of their own')
}

/** The user behind the login. Faults: forbidden, not_found. */
export async function ownUser(deps: IdentityDeps, actor: Actor): Promise<UserDetails> {
  const { siteId, userId } = personOf(actor)
  const user = await deps.store.userById(siteId, userId)
  if (user === null) throw new Fault('not_found', 'this user is gone')
  return user
}

/**
 * A new password for oneself. The one before has been proven by then (`People.reprove`). Other logins in
 * browsers end; `keepBrowser` goes on. Faults: forbidden, invalid.
 */
export async function changeOwnPassword(
  deps: IdentityDeps,
  actor: Actor,
  password: string,
  keepBrowser: string,
): Promise<void> {
  const { siteId, userId, userName } = personOf(actor)
  checkPassword(password)
  const hash = await hashPassword(password)
  const subject = `user ${userName} own password`
  const audit = auditEntry(deps, actor, { action: 'user.update', siteId, subject })
  await commit(deps, deps.store.setPassword(siteId, userId, hash, audit, keepBrowser))
}

/** One's own logins in browsers, oldest first. Fault: forbidden. */
export function listOwnBrowsers(deps: IdentityDeps, actor: Actor): Promise<readonly BrowserRecord[]> {
  return deps.store.browsers(personOf(actor).userId)
}

/** Ends one's own logins in browsers: one of them, or all but one. Faults: forbidden, not_found. */
export async function endOwnBrowsers(
  deps: IdentityDeps,
  actor: Actor,
  which: { readonly only: string } | { readonly except: string },
): Promise<void> {
  const { siteId, userId, userName } = personOf(actor)
  const subject = `user ${userName}: ${'only' in which ? `login ${which.only}` : 'all other logins'} in a browser`
  const audit = auditEntry(deps, actor, { action: 'session.end', siteId, subject })
  await commit(deps, deps.store.endBrowsers({ siteId, userId }, which, audit))
}

/** One's own SSH keys, where the site lets people see to their keys or not. Fault: forbidden. */
export function ownSshKeys(deps: IdentityDeps, actor: Actor): Promise<readonly SshKeyDetails[]> {
  const { siteId, userId } = personOf(actor)
  return deps.store.sshKeys(siteId, userId)
}

/** Who is in the console: logins in browsers that were used since `seenSince`. Faults: forbidden, not_found. */
export async function browsersOfSite(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  seenSince: number,
): Promise<readonly (BrowserRecord & { readonly userName: string })[]> {
  const site = await administeredSite(deps, actor, siteId)
  return deps.store.browsersOfSite(site.id, seenSince)
}
