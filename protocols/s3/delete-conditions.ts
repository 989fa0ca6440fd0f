import type { ChangeOptions, Files } from '#files/types.ts'
import { parseHttpDate } from '#net/conditions.ts'
import { S3Fault } from './errors.ts'
import type { KeyPlace } from './keys.ts'
import { type Described, findObject } from './objects.ts'
import { requireEtag } from './write-conditions.ts'

/** What an object must be to be deleted, as it was sent: headers of DeleteObject, elements of DeleteObjects. */
export type Wanted = {
  /** A list of ETags, or `*` for any object. */
  readonly etag: string | undefined
  /** Bytes. */
  readonly size: string | undefined
  /** A date of HTTP, or ISO 8601 with milliseconds. */
  readonly modified: string | undefined
}

/**
 * The conditions of a removal, for the files layer to check again when it takes effect. Without an object only an
 * ETag is not met, as AWS does. Faults NoSuchKey, PreconditionFailed, InvalidArgument.
 */
export async function deleteConditions(
  files: Files,
  place: KeyPlace,
  wanted: Wanted,
): Promise<ChangeOptions> {
  const { etag, size, modified } = wanted
  const bytes = size === undefined ? null : readSize(size)
  const moment = modified === undefined ? null : readMoment(modified)
  if (etag === undefined && bytes === null && moment === null) return {}
  const found = await findObject(files, place)
  const condition = etag === undefined ? {} : requireEtag(found, etag)
  if (found === null) return {}
  const other = (bytes !== null && bytes !== found.entry.size) || (moment !== null && !moment(found))
  if (other) throw new S3Fault('PreconditionFailed')
  // That there is one is what the removal itself finds out.
  if (etag?.trim() === '*' && bytes === null && moment === null) return {}
  return { ...condition, ifVersion: found.entry.version }
}

function readSize(text: string): number {
  if (/^\d{1,15}$/.test(text.trim())) return Number(text)
  throw new S3Fault('InvalidArgument', 'The size of an object to be deleted must be a number.')
}

/** Compares as exactly as the client can know: to the second for a date of HTTP. */
function readMoment(text: string): (found: Described) => boolean {
  const date = parseHttpDate(text.trim())
  if (date !== null) return ({ entry }) => Math.floor(entry.modified / 1_000) * 1_000 === date
  const iso = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z$/.exec(text.trim())
  const time = iso === null ? Number.NaN : Date.parse(iso[0])
  if (Number.isNaN(time))
    throw new S3Fault('InvalidArgument', 'The time of an object to be deleted must be a date.')
  const unit = iso?.[1] === undefined ? 1_000 : 1
  return ({ entry }) => Math.floor(entry.modified / unit) * unit === time
}
