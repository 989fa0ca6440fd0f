import type { DeadProperty, Entry, PropertyName } from '#files/types.ts'
import type { VirtualPath } from '#permissions/path.ts'
import type { Call } from './call.ts'
import { propstat } from './multistatus.ts'
import { type Facts, keyOf, LIVE, type LiveProperty, MICROSOFT, propertyElement } from './props.ts'
import type { Wanted } from './wanted.ts'

/** A wanted property, prepared once for all entries. */
type Column = {
  readonly key: string
  readonly live: LiveProperty | undefined
  readonly empty: string
  readonly start: string
  readonly end: string
}

/** Says of an entry what was asked for, as propstat elements. */
export type Describe = (entry: Entry, facts: Facts) => string

/** Prepares what is done for each entry, and what it needs: one look-up for all entries of a page. */
export async function describer(
  call: Call,
  wanted: Wanted,
): Promise<{ describe: Describe; gather: (entries: readonly Entry[]) => Promise<Facts> }> {
  const columns = wanted.names.map(columnOf)
  return {
    describe: (entry, facts) => describeEntry(entry, columns, wanted, facts),
    gather: await gatherer(call, columns, wanted),
  }
}

function columnOf(name: PropertyName): Column {
  const key = keyOf(name)
  const [start = '', end = ''] = propertyElement(name, '\0').split('\0')
  return { key, live: LIVE.get(key), empty: propertyElement(name, ''), start, end }
}

function describeEntry(
  entry: Entry,
  columns: readonly Column[],
  { kind, missing }: Wanted,
  facts: Facts,
): string {
  const dead = facts.dead.get(entry.path) ?? []
  let found = ''
  let absent = ''
  for (const { key, live, empty, start, end } of columns) {
    const set = dead.length === 0 ? undefined : dead.find((one) => keyOf(one) === key)
    const inside = live === undefined ? null : live.render(entry, facts)
    if (kind === 'names' && (set !== undefined || inside !== null)) found += empty
    else if (set !== undefined) found += set.xml
    else if (inside === null) absent += empty
    else found += inside === '' ? empty : start + inside + end
  }
  if (kind !== 'named' && dead.length > 0) {
    const known = new Set(columns.map(({ key }) => key))
    for (const one of dead) if (!known.has(keyOf(one)) && isTold(one, kind)) found += told(one, kind)
  }
  return propstat(200, found) + (missing || found === '' ? propstat(404, absent) : '')
}

function told(property: DeadProperty, kind: Wanted['kind']): string {
  return kind === 'names' ? propertyElement(property, '') : property.xml
}

/** Explorer lists folders by allprop and takes 1 MB: of the times that it sets itself it is told when it asks. */
function isTold({ uri, local }: PropertyName, kind: Wanted['kind']): boolean {
  return kind === 'names' || uri !== MICROSOFT || local === 'Win32FileAttributes'
}

async function gatherer(
  { session, path, now }: Call,
  columns: readonly Column[],
  { kind }: Wanted,
): Promise<(entries: readonly Entry[]) => Promise<Facts>> {
  const { files } = session
  const needsLocks = columns.some(({ live }) => live?.needs === 'locks')
  const needsSpace = columns.some(({ live }) => live?.needs === 'space')
  const needsDead = kind !== 'named' || columns.some(({ live }) => live === undefined || live.settable)
  const space = needsSpace ? await files.space(path) : null
  return async (entries) => ({
    locks: needsLocks ? await files.locks.coveringAll(entries.map((entry) => entry.path)) : NONE,
    dead: needsDead ? byPath(entries, await files.properties.of(entries)) : NONE,
    space,
    now: now(),
  })
}

const NONE = new Map<VirtualPath, never>()

function byPath(entries: readonly Entry[], lists: readonly (readonly DeadProperty[])[]): Facts['dead'] {
  const found = new Map<VirtualPath, readonly DeadProperty[]>()
  for (const [index, list] of lists.entries()) {
    const entry = entries[index]
    if (list.length > 0 && entry !== undefined) found.set(entry.path, list)
  }
  return found
}
