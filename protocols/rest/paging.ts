import { Fault } from '#faults'
import { byAge } from '#identity/keys.ts'
import type { KeyDetails } from '#identity/ports.ts'

const DEFAULT_LIMIT = 100

/**
 * The page after a cursor. A cursor names the last key of the page before by age and id, so that pages stay
 * whole while keys come and go. Fault: invalid.
 */
export function pageOf(
  keys: readonly KeyDetails[],
  { limit = DEFAULT_LIMIT, cursor }: { limit?: number | undefined; cursor?: string | undefined },
): { keys: readonly KeyDetails[]; next: string | null } {
  const after = cursor === undefined ? null : readCursor(cursor)
  const start = after === null ? 0 : keys.findIndex((key) => byAge(after, key) < 0)
  const page = start === -1 ? [] : keys.slice(start, start + limit)
  const last = page.at(-1)
  const isLast = last === undefined || start + limit >= keys.length
  return { keys: page, next: isLast ? null : writeCursor(last) }
}

function writeCursor({ createdAt, id }: KeyDetails): string {
  return Buffer.from(`${createdAt}.${id}`).toString('base64url')
}

function readCursor(cursor: string): { createdAt: number; id: string } {
  const [, createdAt, id] =
    /^(\d{1,15})\.([0-9A-Za-z]{1,40})$/.exec(Buffer.from(cursor, 'base64url').toString()) ?? []
  if (createdAt === undefined || id === undefined) throw new Fault('invalid', 'the cursor is not one of ours')
  return { createdAt: Number(createdAt), id }
}
