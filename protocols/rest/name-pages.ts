import { Type } from 'typebox'
import Value from 'typebox/value'
import { Fault } from '#faults'
import type { NamePage } from '#identity/ports.ts'
import type { Page, PageRequest } from './paging.ts'

const DEFAULT_LIMIT = 100
const Place = Type.Array(Type.String(), { minItems: 1, maxItems: 2 })

/** The page of a list by name that comes after a cursor. Fault: invalid. */
export function readNamePage<Item extends { readonly name: string }>(
  request: PageRequest,
  read: (page: NamePage) => Promise<readonly Item[]>,
): Promise<Page<Item>> {
  return readPlacedPage(
    request,
    ([after], limit) => read({ after, limit }),
    ({ name }) => [name],
  )
}

/** A list of what a name leads to: one item, or none. */
export async function onlyOne<Item>(find: () => Promise<Item>): Promise<Page<Item>> {
  const items = await find().then(
    (item) => [item],
    (error: unknown) => {
      if (error instanceof Fault && error.code === 'not_found') return []
      throw error
    },
  )
  return { items, next: null }
}

/**
 * The same for any order: a cursor holds the place of the last item of the page before, so that pages stay
 * whole while items come and go. Fault: invalid.
 */
export async function readPlacedPage<Item>(
  { limit = DEFAULT_LIMIT, cursor }: PageRequest,
  read: (after: readonly string[], limit: number) => Promise<readonly Item[]>,
  placeOf: (item: Item) => readonly string[],
): Promise<Page<Item>> {
  // One more than asked for says whether another page follows.
  const found = await read(cursor === undefined ? [] : readCursor(cursor), limit + 1)
  const items = found.slice(0, limit)
  const last = items.at(-1)
  const more = found.length > limit && last !== undefined
  return { items, next: more ? Buffer.from(JSON.stringify(placeOf(last))).toString('base64url') : null }
}

function readCursor(cursor: string): readonly string[] {
  try {
    const place: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString())
    if (Value.Check(Place, place)) return place
  } catch {
    // Not of ours either.
  }
  throw new Fault('invalid', 'the cursor is not one of ours')
}
