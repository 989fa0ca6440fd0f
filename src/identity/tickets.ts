import { createHash } from 'node:crypto'
import { hashPassword } from '#credentials/passwords.ts'
import { randomText } from '#credentials/values.ts'
import { Fault } from '#faults'
import type { DoorName } from '#permissions/conditions.ts'
import { type Actor, administeredSite, auditEntry } from './actor.ts'
import { commit, type IdentityDeps } from './deps.ts'
import { checkPassword } from './password-rule.ts'
import { findUser, type UserRef } from './users.ts'

// 43 base62 characters hold 32 random bytes.
const TICKET_LENGTH = 43
const TICKET_LIFETIME_MS = 24 * 3_600_000

/** A one-time link's secret. It is shown once: only its SHA-256 digest is kept. */
export type Ticket = { readonly ticket: string; readonly userName: string; readonly expiresAt: number }

/** Makes a one-time link with which a user chooses a password; good for 24 hours. */
export async function createTicket(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  ref: UserRef,
): Promise<Ticket> {
  const site = await administeredSite(deps, actor, siteId)
  const user = await findUser(deps, site.id, ref)
  const ticket = randomText(TICKET_LENGTH)
  const expiresAt = deps.clock.now() + TICKET_LIFETIME_MS
  await deps.store.addTicket({ digest: digestTicket(ticket), siteId: site.id, userId: user.id, expiresAt })
  return { ticket, userName: user.name, expiresAt }
}

/** True for text of a ticket's shape; says nothing about whether there is one. */
export function isTicket(text: string): boolean {
  return /^[0-9A-Za-z]{43}$/.test(text)
}

/** True while the ticket can be used; it stays as it is. */
export async function isTicketAlive({ store, clock }: IdentityDeps, text: string): Promise<boolean> {
  return isTicket(text) && store.hasTicket(digestTicket(text), clock.now())
}

/**
 * Uses a ticket up and gives its user the password. A password that is refused leaves the ticket as it was.
 * Faults: invalid, not_found (unknown, used or over).
 */
export async function redeemTicket(
  deps: IdentityDeps,
  input: { readonly ticket: string; readonly password: string },
  at: { readonly door: DoorName; readonly address: string },
): Promise<{ siteName: string; userName: string }> {
  checkPassword(input.password)
  const taken = isTicket(input.ticket)
    ? await deps.store.takeTicket(digestTicket(input.ticket), deps.clock.now())
    : null
  if (taken === null) throw new Fault('not_found', 'this link was used already, is over, or never was')
  const site = await deps.store.siteById(taken.siteId)
  if (site === null) throw new Fault('not_found', 'the site of this link is gone')
  const user = await findUser(deps, site.id, { id: taken.userId })
  const hash = await hashPassword(input.password)
  const subject = `user ${user.name} password by one-time link`
  const entry = auditEntry(
    deps,
    { kind: 'command_line' },
    { action: 'user.update', siteId: site.id, subject },
  )
  const audit = { ...entry, ...at, userId: user.id, userName: user.name }
  await commit(deps, deps.store.setPassword(site.id, user.id, hash, audit))
  return { siteName: site.name, userName: user.name }
}

function digestTicket(ticket: string): Buffer {
  return createHash('sha256').update(ticket).digest()
}
