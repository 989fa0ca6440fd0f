import type { VirtualPath } from '#permissions/path.ts'
import type { Lock } from './locks.ts'
import type { Fingerprint, Metadata } from './metadata.ts'
import type { MultipartUpload, PartsPage, UploadedPart, UploadsPage } from './multipart.ts'
import type { DeadProperty, PropertyName } from './types.ts'

/** Where a part of a site's tree is kept. */
export type MountRecord = {
  readonly id: string
  readonly siteId: string
  /** Where it appears; `/` for the whole tree. */
  readonly path: VirtualPath
  readonly type: 'local'
  /** For `local`: `{ root: absolute folder, durable: boolean }`, and the days for which deleted files are kept. */
  readonly settings: { readonly root: string; readonly durable: boolean; readonly trashDays?: number }
  readonly readOnly: boolean
}

/** What a mount keeps deleted files for when its settings do not say. */
export const FACTORY_TRASH_DAYS = 7

/** Days for which the mount keeps deleted files; 0: it keeps none. */
export function trashDaysOf({ settings }: Pick<MountRecord, 'settings'>): number {
  return settings.trashDays ?? FACTORY_TRASH_DAYS
}

export type MountStore = {
  mountsOf(siteId: string): Promise<readonly MountRecord[]>
  /** Mounts of every site, for what is done at start. */
  all(): Promise<readonly MountRecord[]>
}

export type LockQuery = {
  readonly paths: readonly VirtualPath[]
  readonly below?: VirtualPath
  readonly now: number
  /** It is asked again before anything changes: what another process has just locked may be missing. */
  readonly early?: boolean
}

export type LockStore = {
  /** Unexpired locks on any of `paths`, or `tree` locks among them; and, with `below`, those under it. */
  find(siteId: string, query: LockQuery): Promise<readonly Lock[]>
  insert(siteId: string, lock: Lock): Promise<void>
  extend(siteId: string, token: string, expiresAt: number): Promise<void>
  remove(siteId: string, tokens: readonly string[]): Promise<void>
  /** Removes locks on `path` and below it (the resource is gone). */
  removeWithin(siteId: string, path: VirtualPath): Promise<void>
  removeExpired(now: number): Promise<void>
}

/** A place in a mount: `path` is relative to the mount (`/` is its root). */
export type Place = { readonly mountId: string; readonly path: VirtualPath }

/** Metadata whose file has another path now. */
export type Stray = { readonly path: VirtualPath; readonly metadata: Metadata }

export type MetadataStore = {
  /** Rows for these file versions, in their order; null where none has that fingerprint. */
  find(
    mountId: string,
    files: readonly { readonly path: VirtualPath; readonly fingerprint: Fingerprint }[],
  ): Promise<readonly (Metadata | null)[]>
  /** Rows for these file versions under any path, in their order: they were renamed without a door. */
  strays(mountId: string, files: readonly Fingerprint[]): Promise<readonly (Stray | null)[]>
  /** Moves the one row of an inode to the path that the file has now. */
  rehome(from: Place, ino: bigint, to: VirtualPath): Promise<void>
  /** Written before the rename that publishes the file, keyed by the staged file's inode. */
  put(place: Place, fingerprint: Fingerprint, metadata: Metadata): Promise<void>
  /** The same version has a new mtime: its rows go on. */
  retime(place: Place, from: Fingerprint, to: Fingerprint): Promise<void>
  /** Moves rows of `from` and everything below it. */
  move(from: Place, to: Place): Promise<void>
  /** Removes rows of a place and everything below it; `except` is the inode of the version that stays. */
  remove(place: Place, except?: bigint): Promise<void>
}

/** Dead WebDAV properties. They belong to a place, and stay when the content there is replaced. */
export type PropertyStore = {
  /** Properties of these, in their order. */
  find(mountId: string, paths: readonly VirtualPath[]): Promise<readonly (readonly DeadProperty[])[]>
  /** All of it or nothing. Fault `quota` when the place would have more than `most`. */
  change(
    place: Place,
    change: { readonly set: readonly DeadProperty[]; readonly remove: readonly PropertyName[] },
    most: number,
  ): Promise<void>
  /** Copies those of `from` and everything below it (`shallow`: of `from` alone); what `to` had goes. */
  copy(from: Place, to: Place, shallow: boolean): Promise<void>
  /** Moves those of `from` and everything below it; what `to` had goes. */
  move(from: Place, to: Place): Promise<void>
  /** Removes those of a place and everything below it. */
  remove(place: Place): Promise<void>
}

/** A file goes on as the version that it was before its modification time was set to what it is `now`. */
export type KeptVersion = {
  readonly now: Fingerprint
  /** Milliseconds with fraction. With the inode it tells a file from all that had the inode before. */
  readonly created: number
  readonly keptMtimeNs: bigint
}

/** A kept version and where its file was last, as far as the doors know; null: nobody knows. */
export type PlacedVersion = KeptVersion & { readonly path: VirtualPath | null }

export type VersionStore = {
  /** Those known of these inodes, in any order. */
  find(mountId: string, inodes: readonly bigint[]): Promise<readonly KeptVersion[]>
  put(place: Place, version: KeptVersion): Promise<void>
  /** Those of `from` and everything below it are at `to` now. */
  move(from: Place, to: Place): Promise<void>
  /** Removes those of a place and everything below it. */
  remove(place: Place): Promise<void>
  /** A page of all in a mount, behind one inode, in an order of the store's own. */
  page(mountId: string, after: bigint | null, limit: number): Promise<readonly PlacedVersion[]>
  /** Removes these, unless they changed since or object metadata is bound to their files. Resolves to how many. */
  drop(mountId: string, versions: readonly PlacedVersion[]): Promise<number>
}

export type AbandonedUpload = { readonly siteId: string; readonly upload: MultipartUpload }

export type UploadStore = {
  insert(siteId: string, upload: MultipartUpload): Promise<void>
  get(siteId: string, id: string): Promise<MultipartUpload | null>
  /** Below a folder (itself included), by path bytes, then start, then id; all of them without a page. */
  list(siteId: string, folder: VirtualPath, page?: UploadsPage): Promise<readonly MultipartUpload[]>
  /** Started before this time, and without a part since; the oldest first. */
  abandoned(before: number, limit: number): Promise<readonly AbandonedUpload[]>
  putPart(uploadId: string, part: UploadedPart): Promise<void>
  /** By number; all of them without a page. */
  parts(uploadId: string, page?: PartsPage): Promise<readonly UploadedPart[]>
  /** Removes the upload and its parts' rows. */
  remove(siteId: string, id: string): Promise<void>
  /** Ids of all uploads: what else lies in a mount's multipart folder is rubbish. */
  ids(): Promise<readonly string[]>
}

/** A key, or a user who logged in without one. */
export type Holder = { readonly keyId: string } | { readonly userId: string }

/** Staged bytes whose connection was lost. */
export type LostRecord = {
  /** 24 hex digits; also the name of its file in the mount. */
  readonly id: string
  readonly siteId: string
  readonly holder: Holder
  readonly place: Place
  readonly size: number
  /** Milliseconds since the epoch. */
  readonly lostAt: number
  /** Version of what was published at the place when the upload began; null when nothing was. */
  readonly base: string | null
  /** It began with a copy of what was published. */
  readonly edits: boolean
}

export type LostStore = {
  /** In place of one of the same holder and place; resolves to the id of that. */
  insert(record: LostRecord): Promise<string | null>
  /** The newest first. */
  of(siteId: string, holder: Holder): Promise<readonly LostRecord[]>
  /** True for the one caller who removed it. */
  remove(id: string): Promise<boolean>
  /** Lost before this time, or whose key or user may not log in any more at `now`. */
  ended(lostBefore: number, now: number): Promise<readonly LostRecord[]>
  /** Of a mount: what else lies among its lost files is rubbish. */
  ids(mountId: string): Promise<readonly string[]>
}

/** What was deleted and is kept for a while. */
export type TrashRecord = {
  /** `<milliseconds, 13 digits>-<16 hex digits>`: sorts by time. Also its name in the mount's trash. */
  readonly id: string
  /** Where it was. */
  readonly place: Place
  readonly kind: 'file' | 'folder'
  /** Bytes; 0 for folders. */
  readonly size: number
  /** Milliseconds since the epoch. */
  readonly deletedAt: number
  readonly user: { readonly id: string; readonly name: string } | null
  readonly key: { readonly id: string; readonly name: string } | null
}

export type TrashStore = {
  /** Durable when it resolves: written before the file is moved. */
  insert(record: TrashRecord): Promise<void>
  /** Of one of these mounts. */
  get(mountIds: readonly string[], id: string): Promise<TrashRecord | null>
  /** What was at one of the places or below it, the newest first; only ids that sort before `before`. */
  list(
    places: readonly Place[],
    page: { readonly before?: string; readonly limit: number },
  ): Promise<readonly TrashRecord[]>
  /** The oldest of a mount that were deleted before this time. */
  older(mountId: string, deletedBefore: number, limit: number): Promise<readonly TrashRecord[]>
  remove(ids: readonly string[]): Promise<void>
}
