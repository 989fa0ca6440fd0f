import type { Metadata } from '#files/metadata.ts'
import type { Entry, Files } from '#files/types.ts'
import { httpDate } from '#net/dates.ts'
import { type AnswerHeaders, type Call, isFault } from './call.ts'
import { type Algorithm, algorithmOfHeader, checksumElement } from './checksums.ts'
import { S3Fault } from './errors.ts'
import type { KeyPlace } from './keys.ts'
import { element } from './markup.ts'

export const EMPTY_MD5 = 'd41d8cd98f00b204e9800998ecf8427e'

/** A file with what S3 keeps about it; `metadata` is null when another door wrote it. */
export type Described = { readonly entry: Entry; readonly metadata: Metadata | null }

/** Without quotes. The same in every answer that speaks of this version. */
export function etagOf({ entry, metadata }: Described): string {
  if (entry.kind === 'folder') return EMPTY_MD5
  return metadata?.etag ?? `${entry.version}-1`
}

export async function describe(files: Files, entry: Entry): Promise<Described> {
  const [metadata = null] = await files.metadata([entry])
  return { entry, metadata }
}

/** The object of a key. Faults: not_found when there is none, or a folder in its place. */
export async function statObject(files: Files, place: KeyPlace): Promise<Described> {
  const entry = await files.stat(place.path)
  if ((entry.kind === 'folder') !== place.folder) throw new S3Fault('NoSuchKey')
  return describe(files, entry)
}

/** As `statObject`; null when there is none. */
export async function findObject(files: Files, place: KeyPlace): Promise<Described | null> {
  try {
    return await statObject(files, place)
  } catch (error) {
    if (isFault(error, 'not_found')) return null
    throw error
  }
}

/** Headers of GET and HEAD that do not depend on the range. */
export function objectHeaders(described: Described): AnswerHeaders {
  const { entry, metadata } = described
  const headers: AnswerHeaders = {
    'Accept-Ranges': 'bytes',
    'Last-Modified': httpDate(entry.modified),
    ETag: `"${etagOf(described)}"`,
    'Content-Type': entry.kind === 'folder' ? 'application/x-directory' : 'binary/octet-stream',
  }
  if (metadata === null) return headers
  for (const [name, value] of Object.entries(metadata.headers)) headers[headerName(name)] = value
  for (const [name, value] of Object.entries(metadata.user)) headers[`x-amz-meta-${name}`] = value
  const tags = Object.keys(metadata.tags).length
  if (tags > 0) headers['x-amz-tagging-count'] = tags
  return headers
}

function headerName(name: string): string {
  return name === 'content-type' ? 'Content-Type' : name
}

/** The stored checksum with its algorithm and type; null when there is none. */
export function storedChecksum(
  metadata: Pick<Metadata, 'checksums'> | null,
): { algorithm: Algorithm; header: string; value: string; type: 'COMPOSITE' | 'FULL_OBJECT' } | null {
  for (const [header, value] of Object.entries(metadata?.checksums ?? {})) {
    const algorithm = algorithmOfHeader(header)
    if (algorithm === undefined) continue
    return { algorithm, header, value, type: value.includes('-') ? 'COMPOSITE' : 'FULL_OBJECT' }
  }
  return null
}

/** The headers that give a stored checksum back: that of the object, or that of one of its parts (from 1). */
export function checksumHeaders(metadata: Metadata | null, part?: number): AnswerHeaders {
  const stored = storedChecksum(metadata)
  const whole = part === undefined || metadata?.parts.length === 0
  const value = whole ? stored?.value : metadata?.partChecksums?.[part - 1]
  return stored === null || value === undefined
    ? {}
    : { [stored.header]: value, 'x-amz-checksum-type': stored.type }
}

/** `<ChecksumCRC32>…<ChecksumType>…` of a stored checksum; empty when there is none. */
export function storedChecksumXml(metadata: Pick<Metadata, 'checksums'> | null): string {
  const stored = storedChecksum(metadata)
  if (stored === null) return ''
  return element(checksumElement(stored.algorithm), stored.value) + element('ChecksumType', stored.type)
}

/** The account that everything belongs to: the site. */
export function ownerXml({ session: { principal } }: Call): string {
  return element('ID', principal.siteId) + element('DisplayName', principal.siteName)
}
