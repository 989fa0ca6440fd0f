import type { DoorName } from '#permissions/conditions.ts'

/** What is recorded. The vocabulary is closed, so that a search finds all of a kind. */
export type AuditAction =
  | 'login'
  | 'file.write'
  | 'file.delete'
  | 'file.rename'
  | 'file.copy'
  | 'folder.create'
  | 'key.create'
  | 'key.update'
  | 'key.disable'
  | 'key.enable'
  | 'key.delete'
  | 'user.create'
  | 'user.update'
  | 'user.disable'
  | 'site.create'
  | 'site.update'
  | 'grant.add'
  | 'grant.remove'
  | 'mount.create'

/** Append-only record of one decision or change. Names are those of the time; no secret, ever. */
export type AuditEntry = {
  readonly at: number
  readonly action: AuditAction
  readonly outcome: 'ok' | 'refused'
  /** Why it was refused, or empty. */
  readonly reason: string
  readonly siteId: string | null
  readonly userId: string | null
  readonly userName: string | null
  readonly keyId: string | null
  readonly keyName: string | null
  readonly door: DoorName | 'command_line' | null
  readonly address: string | null
  /** Virtual path, or what was changed. */
  readonly subject: string
}

export type AuditLog = {
  /** Takes the entry; it is on disk within 100 ms. */
  record(entry: AuditEntry): void
}
