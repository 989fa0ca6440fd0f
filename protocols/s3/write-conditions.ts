import type { ChangeOptions } from '#files/types.ts'
import { etagListHolds } from '#net/conditions.ts'
import { type Call, header } from './call.ts'
import { S3Fault } from './errors.ts'
import type { KeyPlace } from './keys.ts'
import { type Described, etagOf, findObject } from './objects.ts'

/**
 * `If-None-Match: *` and `If-Match` of a change, as conditions that the files layer checks again at the
 * moment of the change. Faults PreconditionFailed, NoSuchKey (If-Match without an object, as AWS does).
 */
export async function writeConditions(call: Call, place: KeyPlace): Promise<ChangeOptions> {
  const noneMatch = header(call, 'if-none-match')
  if (noneMatch !== undefined) {
    if (noneMatch.trim() !== '*')
      throw new S3Fault('NotImplemented', 'If-None-Match of a change takes only *.')
    return { ifAbsent: true }
  }
  const match = header(call, 'if-match')
  if (match === undefined) return {}
  return requireEtag(await findObject(call.session.files, place), match)
}

/** The object must be there with one of these ETags, and still be that version when it is changed. */
export function requireEtag(found: Described | null, match: string): ChangeOptions {
  if (found === null) throw new S3Fault('NoSuchKey')
  const current = { etag: `"${etagOf(found)}"`, modified: found.entry.modified }
  if (!etagListHolds(match, current, false)) throw new S3Fault('PreconditionFailed')
  return { ifVersion: found.entry.version }
}
