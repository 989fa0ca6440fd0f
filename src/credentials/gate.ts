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

/** The only thing a door gets: who is there, and what they can reach. */
export type Gate = {
  /** Never throws for a bad proof; Fault `unavailable` when credentials cannot be checked now. */
  login(attempt: Attempt): Promise<LoginResult>
  open(principal: Principal, connection: { door: DoorName; address: string; client: string }): Session
  /** The site of a host name (Host header, SNI, FTP HOST), without port; null when no site claims it. */
  siteOfHost(host: string): Promise<string | null>
}
