import { parsePath, type VirtualPath } from '#permissions/path.ts'
import type { Fingerprint } from './metadata.ts'
import type { Entry, ListOptions, OpenFile, Page, Received, SocketDescriptor, Space } from './types.ts'

/** Folder at a mount's root that belongs to the server: staging and parts. No door can see or name it. */
export const RESERVED = '.latchkey'

export type Publication = {
  /** Fails with Fault `precondition` when something is there; decided by the mount in one step. */
  readonly ifAbsent?: boolean
  /** Told what is there before anything is changed. A failure stops publication. */
  readonly check?: (there: Entry | null) => Promise<void>
  /** Where `check` was told of nothing, what came since is not replaced: as `ifAbsent`. */
  readonly asChecked?: boolean
  /** Milliseconds since the epoch; default now. */
  readonly modified?: number
  /** A folder that is there goes, instead of Fault `exists`. */
  readonly replaceFolder?: boolean
  /** Called when the fingerprint is final, before the file becomes visible. A failure stops publication. */
  readonly before?: (fingerprint: Fingerprint) => Promise<void>
}

/** Bytes kept in staging, not visible yet. Disposal drops them; after publication it does nothing. */
export type Staged = AsyncDisposable & {
  readonly size: number
  write(chunks: readonly Uint8Array[], position: number): Promise<void>
  /** As of StagedUpload. */
  receiveFrom(socket: SocketDescriptor, position: number): Received
  read(target: Uint8Array, position: number): Promise<number>
  truncate(size: number): Promise<void>
  /** As it is now, under the path that it will have. */
  stat(path: VirtualPath): Promise<Entry>
  /** Makes it the content of `path`, whole or not at all. Faults: no_parent, exists (a folder), precondition. */
  publish(path: VirtualPath, how: Publication): Promise<Entry>
  sync(): Promise<void>
  /** Keeps it among the lost uploads, durable when the mount is. */
  lose(name: string): Promise<void>
}

/** A part of a multipart upload that is received, from its first byte on. Disposal drops it unless it is kept. */
export type StagedPartFile = AsyncDisposable & {
  readonly size: number
  write(chunks: readonly Uint8Array[], position: number): Promise<void>
  /**
   * Keeps it under `name`, the number of the part, a dash and what tells its bytes from others; durable when the
   * mount is. Resolves to the name that it then has: `name`, or `name@…`.
   */
  keep(name: string): Promise<string>
}

/** A kept part: its name in the mount, its length in bytes. */
export type KeptPart = { readonly name: string; readonly size: number }

/** The parts of multipart uploads. */
export type MountParts = {
  /** `size`: the bytes that will come, when that is known; more are then Fault `invalid`. */
  stage(
    uploadId: string,
    part: { readonly number: number; readonly size: number | undefined },
    signal: AbortSignal,
  ): Promise<StagedPartFile>
  open(uploadId: string, part: KeptPart): Promise<OpenFile>
  /** Names of the kept parts of an upload. */
  names(uploadId: string): Promise<readonly string[]>
  drop(uploadId: string, name: string): Promise<void>
  dropAll(uploadId: string): Promise<void>
  /**
   * A staged file that is the first `joined` of these parts, when that can be had without copying. Nobody else may
   * complete the upload meanwhile. The parts stay until they are dropped, whatever becomes of the staged file.
   */
  join(uploadId: string, parts: readonly KeptPart[]): Promise<{ staged: Staged; joined: number } | null>
}

/** Staged bytes that wait for their uploader, each under a name of its own. */
export type MountLost = {
  /** Takes it back into staging. Faults: not_found. */
  resume(name: string): Promise<Staged>
  /** Fine when it is gone already. */
  drop(name: string): Promise<void>
  names(): Promise<readonly string[]>
}

/** A folder being put together in staging. Names are relative to it. Disposal drops what is not published. */
export type StagedFolder = AsyncDisposable & {
  folder(names: readonly string[]): Promise<void>
  /** All members of this folder are there. */
  finish(names: readonly string[]): Promise<void>
  /** A copy of `source`; resolves to its fingerprint, which publication does not change. */
  file(names: readonly string[], source: OpenFile, signal: AbortSignal): Promise<Fingerprint>
  /** Faults: no_parent; exists unless `replace`. */
  publish(path: VirtualPath, replace: boolean): Promise<void>
}

/** `shows`: false leaves a name out before anything is read of it. */
export type MountListOptions = ListOptions & { readonly shows?: (name: string) => boolean }

/**
 * What was deleted and is kept for a while: a file or a whole folder under a name of its own. Who deleted what is
 * in the records.
 */
export type MountTrash = {
  /** Takes what is at `path` away in one step. Faults: not_found. */
  put(path: VirtualPath, name: string): Promise<void>
  has(name: string): Promise<boolean>
  /** With `replace`, what is at `to` goes. Faults: not_found, no_parent, exists. */
  restore(name: string, to: VirtualPath, replace: boolean): Promise<void>
  /** Takes it away for good in one step; its space is freed afterwards. Fine when it is gone already. */
  drop(name: string): Promise<void>
  names(): Promise<readonly string[]>
}

/** Where object metadata of what is in the trash is kept. */
export function trashPath(name: string): VirtualPath {
  return parsePath(`/${RESERVED}/trash/${name}`)
}

export type StageOptions = {
  /** Starts with the content of this file, sharing its blocks where the mount can. */
  readonly from?: OpenFile
  readonly signal: AbortSignal
}

/**
 * Where a part of the tree is kept. Paths are relative to the mount, entries carry such paths. A mount decides
 * nothing and locks nothing: `files/` has done both. An S3-compatible object store can stand behind it: random
 * writes happen in local staging, what is published is whole.
 */
export type Mount = AsyncDisposable & {
  readonly id: string
  /** Null when nothing is there, or nothing that a door may know of (links, devices). */
  find(path: VirtualPath): Promise<Entry | null>
  /** The same where something is to be put. Faults: no_parent. */
  findPlace(path: VirtualPath): Promise<Entry | null>
  /** What a publication's `check` is told, with the version that `find` gives it. */
  asFound(there: Entry): Promise<Entry>
  isFolder(path: VirtualPath): Promise<boolean>
  /** Fault not_found when it is no folder. */
  list(folder: VirtualPath, options: MountListOptions): Promise<Page>
  /** Faults: not_found when there is no file. */
  open(path: VirtualPath): Promise<OpenFile>
  stage(options: StageOptions): Promise<Staged>
  stageFolder(): Promise<StagedFolder>
  /** Faults: exists, no_parent. */
  mkdir(path: VirtualPath): Promise<Entry>
  /** A file or an empty folder. Faults: not_found, not_empty. */
  remove(path: VirtualPath): Promise<void>
  /** Takes a folder away in one step; its space is freed afterwards. */
  removeTree(path: VirtualPath): Promise<void>
  /** With `replace`, what is at `to` goes. Faults: not_found, no_parent, exists. */
  rename(from: VirtualPath, to: VirtualPath, replace: boolean): Promise<void>
  /** Faults: not_found. `before` is what the file was until now. `keepVersion`: see kept-versions.ts. */
  setModified(
    path: VirtualPath,
    modified: number,
    keepVersion?: boolean,
  ): Promise<{ before: Fingerprint; entry: Entry }>
  space(): Promise<Space>
  readonly trash: MountTrash
  readonly lost: MountLost
  readonly parts: MountParts
  /** Puts back what processes that are gone had taken away to put something in its place. */
  restore(): Promise<void>
  /** Removes what earlier processes left behind; `uploads` tells which multipart uploads still exist. */
  sweep(uploads: () => Promise<ReadonlySet<string>>): Promise<void>
}
