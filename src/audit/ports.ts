import type { DoorName } from '#permissions/conditions.ts'
import type { VirtualPath } from '#permissions/path.ts'
import type { Principal } from '#permissions/principal.ts'

/** What is recorded. The vocabulary is closed, so that a search finds all of a kind. */
export type AuditAction =
  | 'login'
  | 'file.read'
  | 'file.write'
  | 'file.delete'
  | 'file.purge'
  | 'file.restore'
  | 'file.rename'
  | 'file.copy'
  | 'folder.create'
  | 'upload.abort'
  | 'key.create'
  | 'key.update'
  | 'key.disable'
  | 'key.enable'
  | 'key.delete'
  | 'key.rotate'
  | 'user.create'
  | 'user.update'
  | 'user.disable'
  | 'user.enable'
  | 'user.delete'
  | 'user.move'
  | 'ssh_key.add'
  | 'ssh_key.remove'
  | 'group.create'
  | 'group.update'
  | 'group.delete'
  | 'group.join'
  | 'group.leave'
  | 'site.create'
  | 'site.update'
  | 'site.disable'
  | 'site.enable'
  | 'site.delete'
  | 'grant.add'
  | 'grant.remove'
  | 'mount.create'
  | 'mount.update'
  | 'mount.delete'
  | 'session.end'
  | 'audit.start'
  | 'audit.prune'

/** Append-only record of one decision or change. Names are those of the time; no secret, ever. */
export type AuditEntry = {
  readonly at: number
  readonly action: AuditAction
  readonly outcome: 'ok' | 'refused'
  /** Why it was refused, or empty. */
  readonly reason: string
  readonly siteId: string | null
  /** Found by the id when it is left out. */
  readonly siteName?: string | null
  readonly userId: string | null
  readonly userName: string | null
  readonly keyId: string | null
  readonly keyName: string | null
  readonly door: DoorName | 'command_line' | null
  readonly address: string | null
  /** Virtual path, or what was changed. */
  readonly subject: string
  /** Where something was moved or copied to. */
  readonly target?: string | null
}

export type AuditLog = {
  /** Takes the entry; it is on disk within 100 ms. */
  record(entry: AuditEntry): void
}

/** For what may not be answered before its entry is on disk. */
export type DurableAuditLog = AuditLog & {
  /** Resolves when the entry is on disk; entries that come together share a commit. Fault: unavailable. */
  recordNow(entry: AuditEntry): Promise<void>
}

/** An entry as it is kept: with its place in the chain of its writer (one run of one process). */
export type AuditRecord = Required<AuditEntry> & {
  readonly sequence: number
  readonly writer: string
  /** From 1, without gaps. */
  readonly number: number
  /** Hash of the writer's entry before; zeros for the first. */
  readonly previous: Buffer
  readonly hash: Buffer
}

/** What to look for. `siteId` null: every site, and what belongs to none. All that is named must hold. */
export type AuditFilter = {
  readonly siteId: string | null
  /** Id, or name of now or of then. */
  readonly key?: string | undefined
  readonly user?: string | undefined
  /** The file or folder and all below it. */
  readonly path?: VirtualPath | undefined
  readonly door?: string | undefined
  readonly address?: string | undefined
  readonly outcome?: AuditEntry['outcome'] | undefined
  readonly action?: string | undefined
  /** Included; milliseconds since the epoch, as all times. */
  readonly from?: number | undefined
  /** Not included. */
  readonly until?: number | undefined
}

/** Where a page begins: after the entry at this time and sequence. */
export type AuditPlace = { readonly at: number; readonly sequence: number }

export type AuditPage = {
  readonly limit: number
  readonly after: AuditPlace | null
  readonly order: 'newest' | 'oldest'
}

/** The end of one writer's chain. Of `count` entries the first `prunedCount` were pruned. */
export type ChainHead = {
  readonly writer: string
  /** Chains are numbered from 1 in the order of their start. */
  readonly ordinal: number
  readonly startedAt: number
  readonly count: number
  readonly hash: Buffer
  readonly prunedCount: number
  /** Of the last pruned entry; zeros when nothing was pruned. */
  readonly prunedHash: Buffer
}
export type SealedHead = ChainHead & { readonly mac: Buffer }

/** How many chains were started, and how many of them were pruned whole. */
export type ChainRoot = { readonly started: number; readonly removed: number }
export type SealedRoot = ChainRoot & { readonly mac: Buffer }

export type ChainPlace = { readonly writer: string; readonly number: number }

/** Reads chains as they are at one instant. */
export type ChainReader = {
  root(): Promise<SealedRoot | null>
  /** The next heads by ordinal. */
  heads(afterOrdinal: number, limit: number): Promise<readonly SealedHead[]>
  headsOf(writers: readonly string[]): Promise<readonly SealedHead[]>
  /** The next entries by writer and number. */
  entries(after: ChainPlace | null, limit: number): Promise<readonly AuditRecord[]>
  /** Those of the places that hold an entry. */
  hashesAt(
    places: readonly ChainPlace[],
  ): Promise<readonly (ChainPlace & { readonly hash: Buffer; readonly sequence: number })[]>
}

/** Looks into the audit. */
export type AuditReader = {
  search(filter: AuditFilter, page: AuditPage): Promise<readonly AuditRecord[]>
  inspect<T>(work: (reader: ChainReader) => Promise<T>): Promise<T>
}

/** A live session as every process can see it. */
export type LiveSession = {
  readonly id: string
  readonly siteId: string
  readonly kind: Principal['kind']
  readonly userId: string | null
  readonly userName: string | null
  readonly keyId: string | null
  readonly keyName: string | null
  readonly door: DoorName
  readonly address: string
  readonly client: string
  readonly startedAt: number
  readonly bytesIn: number
  readonly bytesOut: number
  /** Virtual path of the file that is open. */
  readonly current: string | null
}

/** Live sessions of all processes. Those of a process that has not been seen for a while do not count. */
export type LiveSessionReader = {
  /** Oldest first. */
  list(
    siteId: string,
    page: {
      readonly limit: number
      readonly after: { readonly startedAt: number; readonly id: string } | null
      readonly now: number
    },
  ): Promise<readonly LiveSession[]>
  find(siteId: string, id: string, now: number): Promise<LiveSession | null>
  /** Tells the process that has it to end it; with its audit entry in one transaction. */
  end(session: LiveSession, audit: AuditEntry): Promise<void>
}

/** What a process tells of its own sessions. */
export type LiveSessionStore = LiveSessionReader & {
  /** False when the process was unknown: what it told before is forgotten, and it has to tell all again. */
  publish(
    processId: string,
    news: { readonly put: readonly LiveSession[]; readonly gone: readonly string[]; readonly now: number },
  ): Promise<boolean>
  /** The process ends. */
  forget(processId: string): Promise<void>
}
