import type { VirtualPath } from '#permissions/path.ts'
import type { Metadata } from './metadata.ts'
import type { ChangeOptions, Entry } from './types.ts'

/** An S3 multipart upload in progress; survives a restart, seen by keys that may write its path. */
export type MultipartUpload = {
  readonly id: string
  readonly path: VirtualPath
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  /** What the finished object gets; its etag and parts are filled in at the end. */
  readonly metadata: Metadata
  /** `CRC32` …, and how parts are combined; null when none was asked for. */
  readonly checksum: { readonly algorithm: string; readonly type: 'COMPOSITE' | 'FULL_OBJECT' } | null
}

export type UploadedPart = {
  readonly number: number
  readonly size: number
  /** MD5 hex of the part. */
  readonly etag: string
  readonly checksums: Readonly<Record<string, string>>
  readonly modified: number
}

/** A part that is being received. Dispose without commit drops it. */
export type StagedPart = AsyncDisposable & {
  write(chunks: readonly Uint8Array[], position: number): Promise<void>
  /** Keeps the part, durable, in place of an earlier one of the same number. */
  commit(part: { etag: string; checksums: Readonly<Record<string, string>> }): Promise<UploadedPart>
}

/** Faults: not_found for an upload that is unknown, ended, or not for this path. */
export type MultipartUploads = {
  start(path: VirtualPath, given: Pick<MultipartUpload, 'metadata' | 'checksum'>): Promise<MultipartUpload>
  get(path: VirtualPath, id: string): Promise<MultipartUpload>
  /** Uploads below a folder, by path in UTF-8 byte order, then by start. */
  list(folder: VirtualPath): Promise<readonly MultipartUpload[]>
  part(path: VirtualPath, id: string, number: number): Promise<StagedPart>
  parts(path: VirtualPath, id: string): Promise<readonly UploadedPart[]>
  /** Joins the named parts in order and publishes the object whole; the upload is then gone. */
  complete(
    path: VirtualPath,
    id: string,
    numbers: readonly number[],
    metadata: Metadata,
    options?: ChangeOptions,
  ): Promise<Entry>
  abort(path: VirtualPath, id: string): Promise<void>
}
