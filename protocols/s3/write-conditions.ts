import type { ChangeOptions } from '#files/types.ts'
import { etagListHolds } from '#net/conditions.ts'
import { type Call, header, isFault } from './call.ts'
import { S3Fault } from './errors.ts'
import type { KeyPlace } from './keys.ts'
import { type Described, etagOf, findObject } from './objects.ts'

/**
 * `If-None-Match` and `If-Match` of a change, as conditions that the files layer checks again at the moment of the
 * change. Faults PreconditionFailed, NoSuchKey (If-Match without an object, as AWS does).
 */
export async function writeConditions(call: Call, place: KeyPlace): Promise<ChangeOptions> {
  const noneMatch = header(call, 'if-none-match')
  const match = header(call, 'if-match')
  if (noneMatch !== undefined && match !== undefined)
    throw new S3Fault('NotImplemented', 'A change takes If-Match or If-None-Match, not both.')
  if (noneMatch?.trim() === '*') return { ifAbsent: true }
  if (noneMatch !== undefined) return refuseEtag(await findObject(call.session.files, place), noneMatch)
  if (match === undefined) return {}
  return requireEtag(await findObject(call.session.files, place), match)
}

/**
 * Runs a change under its `writeConditions`. What was seen of the object is all that is known of it: when it changed
 * in between, `If-Match: *` and `If-None-Match: <etag>` may still hold. Fault ConditionalRequestConflict.
 */
export async function underConditions<T>(call: Call, change: () => Promise<T>): Promise<T> {
  try {
    return await change()
  } catch (error) {
    if (!isFault(error, 'precondition') || error instanceof S3Fault) throw error
    const unknown =
      header(call, 'if-match')?.trim() === '*' || (header(call, 'if-none-match') ?? '*').trim() !== '*'
    throw unknown ? new S3Fault('ConditionalRequestConflict') : error
  }
}

/** The object must be there with one of these ETags, and still be that version when it is changed. */
export function requireEtag(found: Described | null, match: string): ChangeOptions {
  if (found === null) throw new S3Fault('NoSuchKey')
  if (!hasEtag(found, match)) throw new S3Fault('PreconditionFailed')
  return { ifVersion: found.entry.version }
}

/** The object must have none of these ETags; it may be missing, but what was seen must stay so. */
function refuseEtag(found: Described | null, noneMatch: string): ChangeOptions {
  if (found === null) return { ifAbsent: true }
  if (hasEtag(found, noneMatch)) throw new S3Fault('PreconditionFailed')
  return { ifVersion: found.entry.version }
}

export function hasEtag(found: Described, list: string): boolean {
  return etagListHolds(list, { etag: `"${etagOf(found)}"`, modified: found.entry.modified }, false)
}
