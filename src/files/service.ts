import type { AuditLog } from '#audit/ports.ts'
import type { Activity } from '#credentials/gate.ts'
import { type Clock, type Neighbours, NO_NEIGHBOURS } from '#credentials/ports.ts'
import type { DoorName } from '#permissions/conditions.ts'
import type { Principal } from '#permissions/principal.ts'
import type { Caller, FilesLog, Shared } from './caller.ts'
import { cleanEach } from './clean-each.ts'
import { type Cleaning, cleanMount } from './clean-trash.ts'
import { cleanUploads, FACTORY_UPLOAD_DAYS } from './clean-uploads.ts'
import { cleanVersions } from './clean-versions.ts'
import { foresee } from './foresee.ts'
import { createLost, endLost, FACTORY_LOST_LIMITS, type LostLimits, sweepLost } from './lost.ts'
import { createMountTable, localMounts, type OpenMount } from './mount-table.ts'
import { createMutex, type Mutex } from './mutex.ts'
import { copy } from './operations/copy.ts'
import { describe } from './operations/describe.ts'
import { mkdir, purge, remove } from './operations/folders.ts'
import { list, listAll } from './operations/list.ts'
import { locksFor } from './operations/locks.ts'
import { lostFor } from './operations/lost.ts'
import { uploadsFor } from './operations/multipart.ts'
import { propertiesFor } from './operations/properties.ts'
import { metadata, open, space, stat } from './operations/read.ts'
import { rename } from './operations/rename.ts'
import { rights } from './operations/rights.ts'
import { setModified } from './operations/times.ts'
import { trashFor } from './operations/trash.ts'
import { create, edit } from './operations/upload.ts'
import { operatorPrincipal } from './operator.ts'
import { createOwnUploads } from './own-uploads.ts'
import type {
  LockStore,
  LostStore,
  MetadataStore,
  MountStore,
  PropertyStore,
  TrashStore,
  UploadStore,
  VersionStore,
} from './ports.ts'
import { createStagedSet } from './staged-set.ts'
import type { Files, Foreseen, Wish } from './types.ts'

export type FilesDeps = {
  readonly mounts: MountStore
  readonly locks: LockStore
  readonly metadata: MetadataStore
  readonly properties: PropertyStore
  readonly versions: VersionStore
  readonly uploads: UploadStore
  readonly trash: TrashStore
  readonly lost: LostStore
  readonly clock: Clock
  readonly audit: AuditLog
  /** Records each file that is opened for reading too; default false. */
  readonly auditReads?: boolean
  /** Days after which a multipart upload that gets no more parts is ended; default 7, 0 for never. */
  readonly uploadDays?: number
  /** Of uploads whose connection was lost; default a day, 32 uploads and 64 GiB. */
  readonly lostLimits?: Partial<LostLimits> | undefined
  readonly log: FilesLog
  /** Default: folders of this machine. */
  readonly openMount?: OpenMount | undefined
  /** Shared with the other processes that serve the same files; default: there are none. */
  readonly mutex?: Mutex
  readonly neighbours?: Neighbours
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
  /** The whole tree of a site for the machine's own administrator; the audit says `command_line`. */
  openForOperator(site: { readonly id: string; readonly name: string }, signal: AbortSignal): Files
  /** Would `openFor` let the principal do this? Nothing is done, and nothing goes to the audit. */
  foresee(principal: Principal, wish: Wish): Promise<Foreseen>
  /** Mounts of a site changed: reads them again. */
  forgetMounts(siteId: string): void
  /** Removes what a crash left in staging, and the parts of uploads that are in no store. For the start. */
  sweep(): Promise<void>
  /**
   * Puts back what processes that died were replacing. Until it is done, nobody else may hold the paths that they
   * held.
   */
  restore(): Promise<void>
  /** Removes what processes that died left in staging; the others go on. */
  sweepStaging(): Promise<void>
  /** Drops what mounts have kept in their trash for longer than they should: a bounded number of entries. */
  cleanTrash(): Promise<Cleaning>
  /** Ends abandoned multipart uploads, a bounded number of them; the audit says so. */
  cleanUploads(): Promise<Cleaning>
  /** Forgets kept versions of files that are gone or changed: a bounded number of looks in each mount. */
  cleanVersions(): Promise<Cleaning>
  /** Drops lost uploads that are too old or whose key may not log in any more; resolves to how many. */
  endLost(): Promise<number>
}

export function createFileService(deps: FilesDeps): FileService {
  const { locks, metadata, uploads, trash, clock, audit, auditReads = false, log } = deps
  const { properties, versions } = deps
  const { openMount = localMounts() } = deps
  const table = createMountTable({ store: deps.mounts, versions, log, openMount })
  const { mutex = createMutex(), neighbours = NO_NEIGHBOURS } = deps
  const own = createOwnUploads(clock, neighbours)
  const { site } = table
  const lost = createLost(deps.lost, { ...FACTORY_LOST_LIMITS, ...deps.lostLimits }, neighbours)
  const records = { locks, metadata, properties, versions, uploads, trash, lost }
  const shared: Shared = { ...records, clock, audit, auditReads, log, mutex, site }
  const open = (principal: Principal, connection: Connection, more: Pick<Caller, 'recordedAs'> = {}) =>
    filesFor({
      principal,
      ...connection,
      ...more,
      shared,
      staged: createStagedSet(connection.signal),
      own: own.of(principal, connection),
    })
  const sweepStaging = () => table.each(({ mount }) => mount.sweep(async () => new Set(await uploads.ids())))
  return {
    openFor: (principal, connection) => open(principal, connection),
    openForOperator(site, signal) {
      const activity: Activity = { bytesIn: 0, bytesOut: 0, current: null }
      const connection: Connection = { door: 'rest', address: '', signal, activity }
      const recordedAs = { door: 'command_line', address: null } as const
      return open(operatorPrincipal(site), connection, { recordedAs })
    },
    foresee: (principal, wish) => foresee(table.site, principal, wish),
    forgetMounts: table.forget,
    async sweep() {
      await locks.removeExpired(clock.now())
      await sweepStaging()
      await table.each(({ mount }) => sweepLost(mount, lost.store))
    },
    restore: () => table.each(({ mount }) => mount.restore()),
    sweepStaging,
    cleanTrash: () => cleanEach(table, (mounted) => cleanMount(shared, mounted)),
    endLost: () => endLost(shared),
    cleanUploads: () => cleanUploads(shared, deps.uploadDays ?? FACTORY_UPLOAD_DAYS),
    cleanVersions: cleanVersions(table, versions),
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
    purge: (path, options) => purge(caller, path, options),
    rename: (from, to, options) => rename(caller, from, to, options),
    copy: (from, to, options) => copy(caller, from, to, options),
    rights: (entries) => rights(caller, entries),
    setModified: (path, modified, options) => setModified(caller, path, modified, options),
    space: (path) => space(caller, path),
    describe: (path, change, options) => describe(caller, path, change, options),
    metadata: (entries) => metadata(caller, entries),
    properties: propertiesFor(caller),
    trash: trashFor(caller),
    locks: locksFor(caller),
    uploads: uploadsFor(caller),
    lost: lostFor(caller),
  }
}
