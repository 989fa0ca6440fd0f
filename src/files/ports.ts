import type { VirtualPath } from '#permissions/path.ts'
import type { Lock } from './locks.ts'
import type { Fingerprint, Metadata } from './metadata.ts'
import type { MultipartUpload, UploadedPart } from './multipart.ts'

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

export type LockStore = {
  /** Unexpired locks on any of `paths`, or `tree` locks among them; and, with `below`, those under it. */
  find(
    siteId: string,
    query: { readonly paths: readonly VirtualPath[]; readonly below?: VirtualPath; readonly now: number },
  ): Promise<readonly Lock[]>
  insert(siteId: string, lock: Lock): Promise<void>
  extend(siteId: string, token: string, expiresAt: number): Promise<void>
  remove(siteId: string, tokens: readonly string[]): Promise<void>
  /** Removes locks on `path` and below it (the resource is gone). */
  removeWithin(siteId: string, path: VirtualPath): Promise<void>
  removeExpired(now: number): Promise<void>
}

/** A place in a mount: `path` is relative to the mount (`/` is its root). */
export type Place = { readonly mountId: string; readonly path: VirtualPath }

export type MetadataStore = {
  /** Rows for these file versions, in their order; null where none has that fingerprint. */
  find(
    mountId: string,
    files: readonly { readonly path: VirtualPath; readonly fingerprint: Fingerprint }[],
  ): Promise<readonly (Metadata | null)[]>
  /** Written before the rename that publishes the file, keyed by the staged file's inode. */
  put(place: Place, fingerprint: Fingerprint, metadata: Metadata): Promise<void>
  /** The same version has a new mtime: its rows go on. */
  retime(place: Place, from: Fingerprint, to: Fingerprint): Promise<void>
  /** Moves rows of `from` and everything below it. */
  move(from: Place, to: Place): Promise<void>
  /** Removes rows of a place and everything below it; `except` is the inode of the version that stays. */
  remove(place: Place, except?: bigint): Promise<void>
}

export type UploadStore = {
  insert(siteId: string, upload: MultipartUpload): Promise<void>
  get(siteId: string, id: string): Promise<MultipartUpload | null>
  /** Below a folder (itself included), by path bytes, then start. */
  list(siteId: string, folder: VirtualPath): Promise<readonly MultipartUpload[]>
  putPart(uploadId: string, part: UploadedPart): Promise<void>
  parts(uploadId: string): Promise<readonly UploadedPart[]>
  /** Removes the upload and its parts' rows. */
  remove(siteId: string, id: string): Promise<void>
  /** Ids of all uploads: what else lies in a mount's multipart folder is rubbish. */
  ids(): Promise<readonly string[]>
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
