import type { Files } from '#files/types.ts'
import type { DoorName } from '#permissions/conditions.ts'
import type { Principal } from '#permissions/principal.ts'
import type { Proof } from './proof.ts'

/** One try to enter. `siteId` is what listener or host name say (REQUIREMENTS.md, U5); null when silent. */
export type Attempt = {
  readonly door: DoorName
  readonly proof: Proof
  /** The client's address without port. */
  readonly address: string
  readonly siteId: string | null
  /** Client software as it names itself, at most 200 characters; empty when silent. */
  readonly client: string
}

/**
 * A refusal is an ordinary value and says nothing of its cause: that goes to the audit.
 * `retryAfter`: seconds, when the caller is held back for guessing (answer `rate_limited`).
 */
export type LoginResult =
  | { readonly ok: true; readonly principal: Principal }
  | { readonly ok: false; readonly retryAfter: number | null }

/** One authenticated connection (SFTP, FTP) or request (HTTP doors). Dispose it when it ends. */
export type Session = Disposable & {
  readonly id: string
  readonly principal: Principal
  readonly door: DoorName
  readonly address: string
  /** Client software as it names itself; empty when silent. */
  readonly client: string
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  /** Fires on revocation: end sockets and streams by it, dispose what is staged. */
  readonly signal: AbortSignal
  /** The site's tree, restricted to what this principal may do. */
  readonly files: Files
  readonly activity: Activity
}

/** What a live session is doing; the files layer keeps it. */
export type Activity = { bytesIn: number; bytesOut: number; current: string | null }

/** Where a person's browser comes from; as in `Attempt`. */
export type BrowserAt = Pick<Attempt, 'address' | 'siteId' | 'client'>

/**
 * `in`: this cookie stands for the login. `code`: the second factor is still to come, with this cookie.
 * `over`: the password has to be given again. `retryAfter` in seconds, as in `LoginResult`.
 */
export type PersonEntered =
  | { readonly kind: 'in' | 'code'; readonly cookie: string }
  | { readonly kind: 'refused'; readonly retryAfter: number | null }
  | { readonly kind: 'over' }

/** A login in a browser that goes on. */
export type Resumed = {
  readonly principal: Principal
  readonly browserId: string
  /** What each change has to bring, so that no other page can make it. */
  readonly csrf: string
  /** Replaces the one that was brought; null: that one stays. */
  readonly cookie: string | null
}

/** How people log in to the console. Throttle, audit and revocation are those of all doors. */
export type People = {
  enter(attempt: BrowserAt & { readonly login: string; readonly password: string }): Promise<PersonEntered>
  confirm(attempt: BrowserAt & { readonly cookie: string; readonly code: string }): Promise<PersonEntered>
  /** Null when the cookie stands for nothing (any more). `mayRotate`: the answer is sure to reach the browser. */
  resume(
    attempt: BrowserAt & { readonly cookie: string; readonly mayRotate: boolean },
  ): Promise<Resumed | null>
  /** Is this the person's password? Asked before what a thief of an open browser must not do. */
  reprove(principal: Principal, password: string, at: Omit<BrowserAt, 'siteId'>): Promise<boolean>
}

/** A signature that no secret can make right; `login` is the access key id that it named. */
export type Unprovable = Omit<Attempt, 'proof'> & {
  readonly login: string
  readonly reason: 'malformed_signature' | 'skewed_signature' | 'expired_signature' | 'unsupported_signature'
}

/** The only thing a door gets: who is there, and what they can reach. */
export type Gate = {
  /** Never throws for a bad proof; Fault `unavailable` when credentials cannot be checked now. */
  login(attempt: Attempt): Promise<LoginResult>
  /** Takes to the audit what a door refused by itself, because no secret could have proved it. */
  refused(attempt: Unprovable): Promise<void>
  open(principal: Principal, connection: { door: DoorName; address: string; client: string }): Session
  /**
   * Milliseconds for which connections from an address are not taken; 0 for none. For doors whose connections
   * cost work before any login; never for an address that somebody logged in from lately (REQUIREMENTS.md, R2).
   */
  heldOff(address: string): number
  /** A connection cost work and came to nothing: 1 for a refused login, more for what is worse. */
  offended(address: string, weight: number): void
  /** The site of a host name (Host header, SNI, FTP HOST), without port; null when no site claims it. */
  siteOfHost(host: string): Promise<string | null>
}
