/**
 * What S3 keeps with an object besides its bytes; bound to one version of a file by inode, size and mtime.
 * A file that any other door or program changed has none.
 */
export type Metadata = {
  /** Without quotes: MD5 hex, or `<hex>-<parts>`. */
  readonly etag: string
  /** content-type, cache-control, content-disposition, content-encoding, content-language, expires. */
  readonly headers: Readonly<Record<string, string>>
  /** `x-amz-meta-*` without the prefix, lower case. */
  readonly user: Readonly<Record<string, string>>
  readonly tags: Readonly<Record<string, string>>
  /** Checksum header name (`x-amz-checksum-crc32` …) to value as sent. */
  readonly checksums: Readonly<Record<string, string>>
  /** Bytes of each part of a multipart upload; empty otherwise. */
  readonly parts: readonly number[]
  /** Base64 checksum of each part, of the algorithm in `checksums`; absent where there is none. */
  readonly partChecksums?: readonly string[]
  /** Of a folder that was made only because a key needed it: it goes again with the last of its members. */
  readonly implicit?: true
}

/** A file version as the file system knows it. */
export type Fingerprint = { readonly ino: bigint; readonly size: number; readonly mtimeNs: bigint }
