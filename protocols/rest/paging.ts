import { Fault } from '#faults'
import type { KeyPlace } from '#identity/ports.ts'

const DEFAULT_LIMIT = 100

export type PageRequest = { readonly limit?: number | undefined; readonly cursor?: string | undefined }
export type Page<Item> = { readonly items: readonly Item[]; readonly next: string | null }

/**
 * The page after a cursor. A cursor names the last item of the page before by age and id, so that pages stay
 * whole while items come and go. Fault: invalid.
 */
export async function readPage<Item extends KeyPlace>(
  { limit = DEFAULT_LIMIT, cursor }: PageRequest,
  read: (page: { after: KeyPlace | undefined; limit: number }) => Promise<readonly Item[]>,
): Promise<Page<Item>> {
  const after = cursor === undefined ? undefined : readCursor(cursor)
  // One more than asked for says whether another page follows.
  const found = await read({ after, limit: limit + 1 })
  const items = found.slice(0, limit)
  const last = items.at(-1)
  return { items, next: found.length > limit && last !== undefined ? writeCursor(last) : null }
}

function writeCursor({ createdAt, id }: KeyPlace): string {
  return Buffer.from(`${createdAt}.${id}`).toString('base64url')
}

function readCursor(cursor: string): KeyPlace {
  const [, createdAt, id] =
    /^(\d{1,15})\.([0-9A-Za-z]{1,40})$/.exec(Buffer.from(cursor, 'base64url').toString()) ?? []
  if (createdAt === undefined || id === undefined) throw new Fault('invalid', 'the cursor is not one of ours')
  return { createdAt: Number(createdAt), id }
}
