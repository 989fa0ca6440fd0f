import type { AuditAction, AuditEntry, AuditLog } from '#audit/ports.ts'
import type { Activity } from '#credentials/gate.ts'
import type { Clock } from '#credentials/ports.ts'
import { Fault } from '#faults'
import type { DoorName } from '#permissions/conditions.ts'
import { type Action, type Decision, type DenyReason, decide } from '#permissions/decide.ts'
import type { VirtualPath } from '#permissions/path.ts'
import type { Principal } from '#permissions/principal.ts'
import type { Lost } from './lost.ts'
import type { Mutex } from './mutex.ts'
import type { OwnUploads } from './own-uploads.ts'
import type {
  LockStore,
  MetadataStore,
  PropertyStore,
  TrashStore,
  UploadStore,
  VersionStore,
} from './ports.ts'
import type { SiteTree } from './site.ts'
import type { StagedSet } from './staged-set.ts'

/** What all sessions of the process share. */
export type Shared = {
  readonly locks: LockStore
  readonly metadata: MetadataStore
  readonly properties: PropertyStore
  readonly versions: VersionStore
  readonly uploads: UploadStore
  readonly trash: TrashStore
  readonly lost: Lost
  readonly clock: Clock
  readonly audit: AuditLog
  readonly auditReads: boolean
  readonly log: FilesLog
  /** Holds paths while a change takes effect. */
  readonly mutex: Mutex
  site(siteId: string): Promise<SiteTree>
}

/** The shape of pino. */
export type FilesLog = {
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** Who calls, from where, and what ends the session. */
export type Caller = {
  readonly principal: Principal
  readonly door: DoorName
  readonly address: string
  readonly signal: AbortSignal
  readonly activity: Activity
  readonly shared: Shared
  /** Disposed at once when the session is revoked. */
  readonly staged: StagedSet
  /** What the session uploaded, for principals that may replace nothing else. */
  readonly own: OwnUploads
  /** Where the audit says that it comes from, when that is no door. */
  readonly recordedAs?: Pick<AuditEntry, 'door' | 'address'>
}

/** What a decision is about besides the path. */
export type About = { readonly mount: string | null; readonly tree?: boolean }

/** Fault `unauthenticated` after revocation. */
export function checkAlive({ signal }: Caller): void {
  if (signal.aborted) throw ended()
}

export function ended(): Fault {
  return new Fault('unauthenticated', 'the session has ended')
}

/** `make`'s staged bytes, which go at once when the session ends; also when it ended meanwhile. */
export async function stagedFor<T extends AsyncDisposable>(
  caller: Caller,
  make: () => Promise<T>,
): Promise<T> {
  checkAlive(caller)
  const staged = await untilEnd(caller, make)
  if (caller.staged.add(staged)) return staged
  await staged[Symbol.asyncDispose]()
  throw ended()
}

/** What fails because the session ended meanwhile says so. */
export async function untilEnd<T>(caller: Caller, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw caller.signal.aborted ? ended() : error
  }
}

/** The site's tree, for a session that is still alive. */
export async function siteOf(caller: Caller): Promise<SiteTree> {
  checkAlive(caller)
  const site = await caller.shared.site(caller.principal.siteId)
  checkAlive(caller)
  return site
}

export function decided(caller: Caller, action: Action, path: VirtualPath, about: About): Decision {
  const { principal, door, address, shared } = caller
  return decide(principal, action, path, { door, address, now: shared.clock.now(), ...about })
}

export function may(caller: Caller, action: Action, path: VirtualPath, about: About): boolean {
  return decided(caller, action, path, about).allow
}

/**
 * Passes when the action is allowed; tells whether only in part. Else Fault: not_found where the caller may not
 * even see what is there, forbidden otherwise. Refused changes go to the audit.
 */
export function permit(
  caller: Caller,
  action: Action,
  path: VirtualPath,
  about: About,
): { readonly partial: boolean } {
  const decision = decided(caller, action, path, about)
  if (decision.allow) return decision
  const change = action === 'read' && caller.shared.auditReads ? 'file.read' : CHANGES.get(action)
  if (change !== undefined) record(caller, change, path, { refused: decision.reason })
  if (looksAbsent(caller, action, path, about, decision.reason)) {
    throw new Fault('not_found', 'no such file or folder')
  }
  throw new Fault('forbidden', 'this is not allowed')
}

const READING: ReadonlySet<Action> = new Set<Action>(['stat', 'list', 'read', 'copy_from'])
const HIDING: ReadonlySet<DenyReason> = new Set<DenyReason>(['grant', 'base_path', 'storage'])

// A refusal that does not depend on what is there gives nothing away.
function looksAbsent(
  caller: Caller,
  action: Action,
  path: VirtualPath,
  about: About,
  reason: DenyReason,
): boolean {
  const hides =
    HIDING.has(reason) ||
    (reason === 'scope' && READING.has(action)) ||
    (reason === 'role' && action !== 'folder_create')
  return hides && !may(caller, 'stat', path, { mount: about.mount })
}

const CHANGES: ReadonlyMap<Action, AuditAction> = new Map<Action, AuditAction>([
  ['write', 'file.write'],
  ['mkdir', 'folder.create'],
  ['folder_create', 'folder.create'],
  ['copy_from', 'file.copy'],
  ['copy_to', 'file.copy'],
  ['rename_from', 'file.rename'],
  ['rename_to', 'file.rename'],
  ['folder_rename_from', 'file.rename'],
  ['folder_rename_to', 'file.rename'],
  ['delete', 'file.delete'],
  ['purge', 'file.purge'],
  ['folder_delete', 'file.delete'],
  ['folder_purge', 'file.purge'],
])

/** Takes a change, done or refused, to the audit. */
export function record(
  caller: Caller,
  action: AuditAction,
  subject: string,
  { refused, target = null }: { readonly refused?: DenyReason; readonly target?: VirtualPath | null } = {},
): void {
  const { principal, door, address, shared, recordedAs } = caller
  const entry: AuditEntry = {
    at: shared.clock.now(),
    action,
    outcome: refused === undefined ? 'ok' : 'refused',
    reason: refused ?? '',
    siteId: principal.siteId,
    siteName: principal.siteName,
    userId: principal.user?.id ?? null,
    userName: principal.user?.name ?? null,
    keyId: principal.key?.id ?? null,
    keyName: principal.key?.name ?? null,
    door,
    address,
    subject,
    target,
    ...recordedAs,
  }
  shared.audit.record(entry)
}

/** Who may use a lock token: the key, else the user. */
export function holderOf({ principal }: Caller): string {
  if (principal.key !== null) return `key:${principal.key.id}`
  return principal.user === null ? `site:${principal.siteId}` : `user:${principal.user.id}`
}
