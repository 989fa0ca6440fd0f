import { randomBytes } from 'node:crypto'
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

/** Which uploads below a folder: those behind a place, whose path in the folder begins with `prefix`. */
export type UploadsPage = {
  readonly prefix?: string
  /** `path` need not be one that a mount can hold. Without `id`: behind all uploads of that path. */
  readonly after?: { readonly path: string; readonly id?: string }
  readonly limit: number
}

/** Parts with a number above `after`. */
export type PartsPage = { readonly after: number; readonly limit: number }

/** A part that is being received, from its first byte on. Dispose without commit drops it. */
export type StagedPart = AsyncDisposable & {
  write(chunks: readonly Uint8Array[], position: number): Promise<void>
  /** Keeps the part, durable, in place of an earlier one of the same number. */
  commit(part: { etag: string; checksums: Readonly<Record<string, string>> }): Promise<UploadedPart>
}

const TIME_DIGITS = 12

/** An id that sorts by time: 12 hex digits of milliseconds, then chance. */
export function newUploadId(now: number): string {
  return now.toString(16).padStart(TIME_DIGITS, '0') + randomBytes(18).toString('hex')
}

/** When an upload of this id was started; NaN for what is none. */
export function timeOfUploadId(id: string): number {
  return /^[0-9a-f]{48}$/.test(id) ? Number.parseInt(id.slice(0, TIME_DIGITS), 16) : Number.NaN
}

/** Faults: not_found for an upload that is unknown, ended, or not for this path. */
export type MultipartUploads = {
  start(path: VirtualPath, given: Pick<MultipartUpload, 'metadata' | 'checksum'>): Promise<MultipartUpload>
  get(path: VirtualPath, id: string): Promise<MultipartUpload>
  /** Uploads below a folder, by path in UTF-8 byte order, then by start. */
  list(folder: VirtualPath, page?: UploadsPage): Promise<readonly MultipartUpload[]>
  /** `size`: the bytes that will come, when that is known. More are then Fault `invalid`. */
  part(path: VirtualPath, id: string, number: number, size?: number): Promise<StagedPart>
  parts(path: VirtualPath, id: string, page?: PartsPage): Promise<readonly UploadedPart[]>
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
