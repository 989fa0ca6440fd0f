import { Fault } from '#faults'
import type { Files } from '#files/types.ts'
import type { VirtualPath } from '#permissions/path.ts'
import { pathOfReference } from './path.ts'

type Condition = { readonly not: boolean; readonly kind: 'token' | 'etag'; readonly value: string }
/** Conditions that must all hold for a resource; `tag` null means the request's own. */
type List = { readonly tag: string | null; readonly conditions: readonly Condition[] }

const MAX_CONDITIONS = 500
const TOKEN = /\s*(?:<([^<>]*)>|\[((?:W\/)?"[^"]*")\]|(\()|(\))|(Not)(?=[\s<[]))/iy

/** Reads an If header (RFC 4918 §10.4.2). Fault `invalid` for what the grammar does not know. */
export function parseIf(header: string): readonly List[] {
  const lists: { tag: string | null; conditions: Condition[] }[] = []
  const text = header.trim()
  let tag: string | null = null
  let tagUsed = true
  let open: Condition[] | null = null
  let not = false
  let count = 0
  TOKEN.lastIndex = 0
  while (TOKEN.lastIndex < text.length) {
    const match = TOKEN.exec(text)
    if (match === null) throw malformed()
    const [, reference, etag, opens, closes, negates] = match
    if (open === null) {
      if (opens !== undefined) {
        open = []
        lists.push({ tag, conditions: open })
        tagUsed = true
      } else if (reference !== undefined && tagUsed && (tag !== null || lists.length === 0)) {
        tag = reference
        tagUsed = false
      } else throw malformed()
    } else if (negates !== undefined && !not) {
      not = true
    } else if (reference !== undefined || etag !== undefined) {
      count += 1
      if (count > MAX_CONDITIONS) throw malformed()
      open.push({ not, kind: etag === undefined ? 'token' : 'etag', value: etag ?? reference ?? '' })
      not = false
    } else if (closes !== undefined && open.length > 0 && !not) {
      open = null
    } else throw malformed()
  }
  if (open !== null || !tagUsed || lists.length === 0) throw malformed()
  return lists
}

function malformed(): Fault {
  return new Fault('invalid', 'If header is malformed')
}

/** What an If header that holds means for the change that follows. */
export type IfResult = {
  /** Lock tokens that the client submitted. */
  readonly tokens: readonly string[]
  /** It spoke of an ETag of the request's own resource, which must still hold when the change takes effect. */
  readonly pinned: boolean
}

export const NO_IF: IfResult = { tokens: [], pinned: false }

/** Evaluates an If header. Faults: precondition when no list holds; invalid. */
export async function evaluateIf(
  header: string | undefined,
  path: VirtualPath,
  host: string,
  files: Files,
): Promise<IfResult> {
  if (header === undefined) return NO_IF
  const lists = parseIf(header).map(({ tag, conditions }) => ({
    path: tag === null ? path : pathOfReference(tag, host),
    conditions,
  }))
  const states = await readStates(lists, files)
  const holds = lists.some((list) => {
    const state = states.get(list.path)
    return list.conditions.every(({ not, value }) => (state?.has(value) ?? false) !== not)
  })
  if (!holds) throw new Fault('precondition', 'If header does not hold')
  const all = lists.flatMap((list) => list.conditions)
  const tokens = all.filter(({ kind, not }) => kind === 'token' && !not).map(({ value }) => value)
  const pinned = lists.some((list) => list.path === path && list.conditions.some(isEtag))
  return { tokens: [...new Set(tokens)], pinned }
}

function isEtag({ kind }: Condition): boolean {
  return kind === 'etag'
}

type ResolvedList = { readonly path: VirtualPath | 'elsewhere'; readonly conditions: readonly Condition[] }

/** Lock tokens and ETag of each resource that the lists speak of; one look-up for all locks. */
async function readStates(
  lists: readonly ResolvedList[],
  files: Files,
): Promise<ReadonlyMap<VirtualPath | 'elsewhere', ReadonlySet<string>>> {
  const states = new Map<VirtualPath | 'elsewhere', Set<string>>()
  const paths = new Set<VirtualPath>()
  const withEtags = new Set<VirtualPath>()
  for (const { path, conditions } of lists) {
    if (path === 'elsewhere') continue
    paths.add(path)
    if (conditions.some(isEtag)) withEtags.add(path)
  }
  if (paths.size > 64) throw new Fault('invalid', 'If header names too many resources')
  const locks = await files.locks.coveringAll([...paths])
  for (const path of paths) states.set(path, new Set(locks.get(path)?.map(({ token }) => token)))
  for (const path of withEtags) {
    const entry = await files.stat(path).catch(absent)
    if (entry?.kind === 'file') states.get(path)?.add(`"${entry.version}"`)
  }
  return states
}

function absent(error: unknown): null {
  if (error instanceof Fault && (error.code === 'not_found' || error.code === 'forbidden')) return null
  throw error
}
