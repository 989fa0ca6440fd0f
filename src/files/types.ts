import type { Fault } from '#faults'
import type { Circumstances } from '#permissions/conditions.ts'
import type { Action, DenyReason } from '#permissions/decide.ts'
import type { VirtualPath } from '#permissions/path.ts'
import type { Locks } from './locks.ts'
import type { Metadata } from './metadata.ts'
import type { MultipartUploads } from './multipart.ts'

/** A file or folder as its door may see it. Links and devices do not exist. */
export type Entry = {
  readonly path: VirtualPath
  /** Last segment; empty for `/`. */
  readonly name: string
  readonly kind: 'file' | 'folder'
  /** Bytes; 0 for folders. */
  readonly size: number
  /** Milliseconds since the epoch, with fraction. */
  readonly modified: number
  readonly created: number
  /**
   * Strong validator of the bytes: 32 hex digits from inode, size and mtime in nanoseconds. The same as
   * long as the content is; WebDAV quotes it as ETag.
   */
  readonly version: string
}

/** Sort key in a folder: the name, with `/` behind a folder's, in UTF-8 byte order (S3's order). */
export type ListKey = string

export type ListOptions = {
  /** Give only what sorts behind this key. */
  readonly after?: ListKey
  /** Most entries in the page; default 1,000. */
  readonly limit?: number
  /** Only names that start so. */
  readonly prefix?: string
}

export type Page = {
  readonly entries: readonly Entry[]
  /** Key to continue after; null at the end. */
  readonly next: ListKey | null
}

/** Conditions of a change, checked when it starts and again when it takes effect. */
export type ChangeOptions = {
  /** Lock tokens that the client submitted. */
  readonly tokens?: readonly string[]
  /** The target's `version` must be this (`precondition` otherwise, also when it is missing). */
  readonly ifVersion?: string
  /** The target must not exist (`precondition` otherwise); decided atomically at commit. */
  readonly ifAbsent?: boolean
}

export type CommitOptions = ChangeOptions & {
  /** Milliseconds since the epoch; default now. */
  readonly modified?: number
  /** Object metadata to keep with this version (S3). */
  readonly metadata?: Metadata
}

/** The object metadata that an entry is to have, from what it has. */
export type Description = (entry: Entry, held: Metadata | null) => Metadata

/** A published file opened for reading: entry and bytes are of one version even if it is replaced. */
export type OpenFile = AsyncDisposable & {
  readonly entry: Entry
  /** Fills as much of `target` as the file has from `position`; 0 at the end. */
  read(target: Uint8Array, position: number): Promise<number>
  /**
   * Lets the kernel send bytes from `position` until before `end`: how many the socket took in one short
   * call. 0 when it is full, and where an ordinary read or write tells that it failed. Null where the bytes have to
   * be read (docs/decisions/0022).
   */
  sendTo?(socket: SocketDescriptor, position: number, end: number): number | null
}

/** Of a connected plain TCP socket; good until the end of this turn of the event loop, then it may be another's. */
export type SocketDescriptor = number

/** What `receiveFrom` of a staged upload says. */
export type Received = number | 'lost' | null

/** Bytes not visible yet. Dispose without commit drops them. */
export type StagedUpload = AsyncDisposable & {
  readonly path: VirtualPath
  /** What was there when it began, as far as the caller may see it; null for nothing. */
  readonly replaces: Entry | null
  /** Current length in bytes. */
  readonly size: number
  /** Writes all chunks, one behind the other, from `position`. Holes read as zeros. */
  write(chunks: readonly Uint8Array[], position: number): Promise<void>
  /**
   * Lets the kernel write what came on a socket at `position`: how many bytes in one short call. 0 when nothing is
   * there, also at its end. `lost` when the connection has failed, which nothing tells again. Null where the bytes
   * have to be read and written. Faults: as write; what came is then lost.
   */
  receiveFrom(socket: SocketDescriptor, position: number): Received
  read(target: Uint8Array, position: number): Promise<number>
  truncate(size: number): Promise<void>
  /** Size and times as they are now; `version` is that of the staged bytes. */
  stat(): Promise<Entry>
  /** Publishes whole or not at all, then the upload is closed. Durable when it resolves (mount option). */
  commit(options?: CommitOptions): Promise<Entry>
  /** Makes what was written so far durable. It stays invisible, and a crash of the server still drops it. */
  sync(): Promise<void>
  /**
   * Instead of commit: keeps the first `size` bytes for the same key, and the upload is closed. False when they
   * are not kept (nothing written, not wanted, something else published meanwhile): then it is dropped.
   */
  lose(size: number): Promise<boolean>
}

/** An upload whose connection was lost (docs/decisions/0009). */
export type LostUpload = {
  readonly path: VirtualPath
  /** Bytes that are there. */
  readonly size: number
  /** When the connection was lost, milliseconds since the epoch. */
  readonly lostAt: number
}

/**
 * Uploads that this key, or this user without a key, lost the connection of. Nobody else knows of them; they end
 * when something else is published at their path, with the key, and with time.
 */
export type LostUploads = {
  find(path: VirtualPath): Promise<LostUpload | null>
  /** Those directly in a folder. */
  list(folder: VirtualPath): Promise<readonly LostUpload[]>
  /** Goes on with one, which is then not lost any more; null when there is none. Faults: as create. */
  resume(path: VirtualPath): Promise<StagedUpload | null>
  /** Fine when there is none. */
  drop(path: VirtualPath): Promise<void>
}

export type RenameOptions = ChangeOptions & {
  /** False: Fault `exists` when the target is there. True: the target is replaced. */
  readonly overwrite: boolean
  /** The source's `version` must still be this when it is taken (`precondition` otherwise). */
  readonly sourceVersion?: string
}

export type CopyOptions = RenameOptions & {
  /** Folders only: copy the folder without its members (WebDAV Depth 0). */
  readonly shallow?: boolean
  /** Object metadata for the copy of a file; default: that of the source. */
  readonly metadata?: Metadata
  /** Told of each member of a folder that cannot be copied; without it the first of them ends the copy. */
  readonly failed?: (path: VirtualPath, fault: Fault) => void
}

/** Name of a property (RFC 4918 §4.5); `uri` is the namespace, empty for none. */
export type PropertyName = { readonly uri: string; readonly local: string }

/** A property that the server only keeps; `xml` is its whole element and needs no declaration from outside. */
export type DeadProperty = PropertyName & { readonly xml: string }

/** What one PROPPATCH changes: all of it or nothing. */
export type PropertyChange = {
  readonly set: readonly DeadProperty[]
  readonly remove: readonly PropertyName[]
  /** Sets the modification time too; milliseconds since the epoch. The version stays. */
  readonly modified?: number
}

/** Dead properties of files and folders. They are moved, copied and removed with what they belong to. */
export type Properties = {
  /** Of each entry, in their order; none where the entry may not be seen. */
  of(entries: readonly Entry[]): Promise<readonly (readonly DeadProperty[])[]>
  /** Needs the right to write. Faults: not_found, locked, precondition; quota beyond the bounds. */
  change(path: VirtualPath, change: PropertyChange, options?: ChangeOptions): Promise<Entry>
}

/** Room in bytes, for quota properties and statvfs. */
export type Space = { readonly total: number; readonly available: number; readonly used: number }

/** A use that somebody asks about, where and when it would be (REQUIREMENTS.md, D6). */
export type Wish = Circumstances & { readonly action: Action; readonly path: VirtualPath }

/** `read_only`: the storage cannot be changed. `not_own`: an upload-only key meets a file that is there. */
export type Foreseen =
  | { readonly allow: true }
  | { readonly allow: false; readonly reason: DenyReason | 'read_only' | 'not_own' }

/** What a caller may do with an entry now, as far as permissions go. */
export type EntryRights = {
  /** A folder's members. */
  readonly list: boolean
  /** A file's bytes. */
  readonly read: boolean
  /** Replace or append to a file. */
  readonly write: boolean
  readonly remove: boolean
  /** Take it away from here: where to is a question of its own. */
  readonly rename: boolean
  /** Of a folder: put files into it, make folders in it, remove files from it. */
  readonly addFiles: boolean
  readonly addFolders: boolean
  readonly removeFiles: boolean
}

/** Something that was deleted and can be restored. */
export type TrashEntry = {
  readonly id: string
  /** Where it was. */
  readonly path: VirtualPath
  readonly name: string
  readonly kind: 'file' | 'folder'
  /** Bytes; 0 for folders. */
  readonly size: number
  /** Milliseconds since the epoch. */
  readonly deletedAt: number
  /** Who deleted it, with the names of that time. */
  readonly user: { readonly id: string; readonly name: string } | null
  readonly key: { readonly id: string; readonly name: string } | null
}

export type TrashListOptions = {
  /** Only what was this or lay below it; default all. */
  readonly folder?: VirtualPath
  /** `next` of the page before. */
  readonly after?: string
  /** Most entries in the page; default 100, at most 1,000. */
  readonly limit?: number
}

/** `next` is null at the end; a page may hold fewer entries than asked for, even none, before that. */
export type TrashPage = { readonly entries: readonly TrashEntry[]; readonly next: string | null }

export type RestoreOptions = {
  /** Default: where it was. */
  readonly to?: VirtualPath
  /** What is there now goes; otherwise Fault `exists`. */
  readonly overwrite?: boolean
  readonly tokens?: readonly string[]
}

/** What was deleted, as far as the caller may list the place where it was. Unknown ids are `not_found`. */
export type Trash = {
  /** The newest first. */
  list(options?: TrashListOptions): Promise<TrashPage>
  /** Puts it back, its folders made where they are missing. Faults: exists, forbidden, locked. */
  restore(id: string, options?: RestoreOptions): Promise<Entry>
  /** Deletes it for good. Faults: forbidden. */
  purge(id: string): Promise<void>
  /** Deletes for good what lay in `folder` and may be purged; resolves to how many entries. */
  purgeAll(folder: VirtualPath): Promise<number>
}

/**
 * A site's tree restricted to one principal. Each call is decided by `decide()` for its path and time; a
 * refused path that the caller may not list looks as if it were not there (`not_found`). After revocation
 * each call throws Fault `unauthenticated`.
 */
export type Files = {
  /** Faults: not_found. */
  stat(path: VirtualPath): Promise<Entry>
  /** One page of a folder in ListKey order. Faults: not_found, forbidden; `invalid` for a file. */
  list(folder: VirtualPath, options?: ListOptions): Promise<Page>
  /** All of a folder in pages: memory does not grow with the folder. */
  listAll(folder: VirtualPath): AsyncIterable<readonly Entry[]>
  /** Opens a file for reading. Faults: not_found, forbidden; `unsupported` for a folder. */
  open(path: VirtualPath): Promise<OpenFile>
  /** Starts a new content for `path`. Faults: no_parent, exists (a folder is there), locked, precondition. */
  create(path: VirtualPath, options?: ChangeOptions): Promise<StagedUpload>
  /** Starts with a copy of the present content (resume, append, random writes). Faults: as create, not_found. */
  edit(path: VirtualPath, options?: ChangeOptions): Promise<StagedUpload>
  /** Faults: exists, no_parent. */
  mkdir(path: VirtualPath, options?: ChangeOptions & { readonly metadata?: Metadata }): Promise<Entry>
  /**
   * Removes a file or an empty folder; with `tree` a folder and all below. Where the mount keeps a trash it goes
   * there, an empty folder without `tree` aside; otherwise it is purged. Faults: not_empty, locked.
   */
  remove(path: VirtualPath, options?: ChangeOptions & { readonly tree?: boolean }): Promise<void>
  /** As remove, but for good, past the trash. */
  purge(path: VirtualPath, options?: ChangeOptions & { readonly tree?: boolean }): Promise<void>
  /** One atomic rename. `forbidden` onto itself, into its own tree or onto its own ancestor. */
  rename(from: VirtualPath, to: VirtualPath, options: RenameOptions): Promise<'created' | 'replaced'>
  /** Copies a file or tree on the server. Faults as rename. */
  copy(from: VirtualPath, to: VirtualPath, options: CopyOptions): Promise<'created' | 'replaced'>
  /** Sets the modification time; keeps locks and metadata. Milliseconds since the epoch. */
  setModified(path: VirtualPath, modified: number, options?: ChangeOptions): Promise<Entry>
  space(path: VirtualPath): Promise<Space>
  /**
   * Changes the object metadata of what is there; bytes, times and version stay. `change` gets what is kept until
   * now, and nobody else changes it meanwhile. Faults: not_found, precondition, locked.
   */
  describe(path: VirtualPath, change: Description, options?: ChangeOptions): Promise<Entry>
  /** For listings that tell it; each operation is decided again when it is called. */
  rights(entries: readonly Entry[]): Promise<readonly EntryRights[]>
  /** Object metadata of these entries, in their order; null where none matches the entry's version. */
  metadata(entries: readonly Entry[]): Promise<readonly (Metadata | null)[]>
  readonly properties: Properties
  readonly trash: Trash
  readonly locks: Locks
  readonly uploads: MultipartUploads
  readonly lost: LostUploads
}
