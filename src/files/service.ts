import type { AuditLog } from '#audit/ports.ts'
import type { Activity } from '#credentials/gate.ts'
import type { Clock } from '#credentials/ports.ts'
import type { DoorName } from '#permissions/conditions.ts'
import type { Principal } from '#permissions/principal.ts'
import type { Caller, FilesLog, Shared } from './caller.ts'
import { createMountTable } from './mount-table.ts'
import { createMutex } from './mutex.ts'
import { copy } from './operations/copy.ts'
import { mkdir, remove } from './operations/folders.ts'
import { list, listAll } from './operations/list.ts'
import { locksFor } from './operations/locks.ts'
import { uploadsFor } from './operations/multipart.ts'
import { metadata, open, space, stat } from './operations/read.ts'
import { rename } from './operations/rename.ts'
import { setModified } from './operations/times.ts'
import { create, edit } from './operations/upload.ts'
import type { LockStore, MetadataStore, MountStore, UploadStore } from './ports.ts'
import { createStagedSet } from './staged-set.ts'
import type { Files } from './types.ts'

export type FilesDeps = {
  readonly mounts: MountStore
  readonly locks: LockStore
  readonly metadata: MetadataStore
  readonly uploads: UploadStore
  readonly clock: Clock
  readonly audit: AuditLog
  readonly log: FilesLog
}

/** Where a session comes from, and what ends it. */
export type Connection = {
  readonly door: DoorName
  readonly address: string
  readonly signal: AbortSignal
  readonly activity: Activity
}

export type FileService = AsyncDisposable & {
  /** The site's tree restricted to the principal: each call decides, checks `signal` and keeps `activity`. */
  openFor(principal: Principal, connection: Connection): Files
  /** Mounts of a site changed: reads them again. */
  forgetMounts(siteId: string): void
  /** Removes what a crash left in staging, and the parts of uploads that are in no store. For the start. */
  sweep(): Promise<void>
}

export function createFileService(deps: FilesDeps): FileService {
  const { locks, metadata, uploads, clock, audit, log } = deps
  const table = createMountTable(deps.mounts, log)
  const mutex = createMutex()
  const shared: Shared = { locks, metadata, uploads, clock, audit, log, mutex, site: table.site }
  return {
    openFor: (principal, connection) =>
      filesFor({ principal, ...connection, shared, staged: createStagedSet(connection.signal) }),
    forgetMounts: table.forget,
    async sweep() {
      await locks.removeExpired(clock.now())
      await table.sweep(async () => new Set(await uploads.ids()))
    },
    [Symbol.asyncDispose]: () => table[Symbol.asyncDispose](),
  }
}

function filesFor(caller: Caller): Files {
  return {
    stat: (path) => stat(caller, path),
    list: (folder, options) => list(caller, folder, options),
    listAll: (folder) => listAll(caller, folder),
    open: (path) => open(caller, path),
    create: (path, options) => create(caller, path, options),
    edit: (path, options) => edit(caller, path, options),
    mkdir: (path, options) => mkdir(caller, path, options),
    remove: (path, options) => remove(caller, path, options),
    rename: (from, to, options) => rename(caller, from, to, options),
    copy: (from, to, options) => copy(caller, from, to, options),
    setModified: (path, modified, options) => setModified(caller, path, modified, options),
    space: (path) => space(caller, path),
    metadata: (entries) => metadata(caller, entries),
    locks: locksFor(caller),
    uploads: uploadsFor(caller),
  }
}
