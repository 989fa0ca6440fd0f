import { Fault } from '#faults'
import type { Entry } from '#files/types.ts'
import { childElement, childElements, readXml, type XmlElement } from '#net/xml.ts'
import { type Call, depthOf } from './call.ts'
import { MULTISTATUS_END, MULTISTATUS_START, propstat, responseElement } from './multistatus.ts'
import { escapeSegment, hrefOf } from './path.ts'
import { type Facts, keyOf, LIVE, type LiveProperty, type PropertyName, propertyElement } from './props.ts'
import { conditionReply, type Reply, XML_TYPE } from './reply.ts'
import { textStream } from './text-stream.ts'

/** What was asked: values of these properties, or with `namesOnly` only what there is. */
type Wanted = {
  readonly names: readonly PropertyName[]
  readonly missing: boolean
  readonly namesOnly: boolean
}

/** PROPFIND (RFC 4918 §9.1) with Depth 0 or 1, streamed: memory does not grow with the folder. */
export async function propfind(call: Call): Promise<Reply | null> {
  const { exchange, session, path, headers } = call
  const depth = depthOf(headers, 'infinity')
  if (depth === 'infinity') return conditionReply(403, '<D:propfind-finite-depth/>')
  const wanted = readWanted(await readXml(exchange.body))
  const columns = wanted.names.map(columnOf)
  const entry = await session.files.stat(path)
  const out = textStream(exchange.response, 207, { 'Content-Type': XML_TYPE })
  const facts = await gatherFacts(call, columns)
  const base = hrefOf(path, true)
  const add = (href: string, of: Entry, known: Facts) =>
    out.add(responseElement(href, render(of, columns, wanted, known)))
  out.add(MULTISTATUS_START)
  add(hrefOf(path, entry.kind === 'folder'), entry, await facts([entry]))
  if (depth === '1' && entry.kind === 'folder') {
    for await (const page of session.files.listAll(path)) {
      const known = await facts(page)
      for (const member of page) {
        add(`${base}${escapeSegment(member.name)}${member.kind === 'folder' ? '/' : ''}`, member, known)
      }
      await out.flush()
    }
  }
  out.add(MULTISTATUS_END)
  out.end()
  return null
}

const ALL: readonly PropertyName[] = [...LIVE]
  .filter(([, { inAllprop }]) => inAllprop)
  .map(([key]) => nameOf(key))
const EVERY: readonly PropertyName[] = [...LIVE.keys()].map(nameOf)

function nameOf(key: string): PropertyName {
  const cut = key.indexOf('}')
  return { uri: key.slice(1, cut), local: key.slice(cut + 1) }
}

function readWanted(body: XmlElement | null): Wanted {
  if (body === null) return { names: ALL, missing: false, namesOnly: false }
  if (body.uri !== 'DAV:' || body.local !== 'propfind') throw new Fault('invalid', 'body is no propfind')
  const prop = childElement(body, 'DAV:', 'prop')
  const all = childElement(body, 'DAV:', 'allprop')
  const names = childElement(body, 'DAV:', 'propname')
  if ([prop, all, names].filter((element) => element !== undefined).length !== 1) {
    throw new Fault('invalid', 'propfind holds none or several of prop, allprop and propname')
  }
  if (prop !== undefined) return { names: distinct(childElements(prop)), missing: true, namesOnly: false }
  if (names !== undefined) return { names: EVERY, missing: false, namesOnly: true }
  const include = childElement(body, 'DAV:', 'include')
  const more = include === undefined ? [] : childElements(include)
  return { names: distinct([...ALL, ...more]), missing: more.length > 0, namesOnly: false }
}

function distinct(names: readonly PropertyName[]): PropertyName[] {
  return [...new Map(names.map((name) => [keyOf(name), name])).values()]
}

/** A wanted property, prepared once for all entries. */
type Column = { readonly name: PropertyName; readonly live: LiveProperty | undefined; readonly empty: string }

function columnOf(name: PropertyName): Column {
  return { name, live: LIVE.get(keyOf(name)), empty: propertyElement(name, '') }
}

function render(
  entry: Entry,
  columns: readonly Column[],
  { missing, namesOnly }: Wanted,
  facts: Facts,
): string {
  let found = ''
  let absent = ''
  for (const { name, live, empty } of columns) {
    const inside = live === undefined ? null : live.render(entry, facts)
    if (inside === null) absent += empty
    else found += namesOnly ? empty : propertyElement(name, inside)
  }
  return propstat(200, found) + (missing || found === '' ? propstat(404, absent) : '')
}

/** Makes what the columns need for a page of entries: one look-up for all locks, one for the room. */
async function gatherFacts(
  { session, path, now }: Call,
  columns: readonly Column[],
): Promise<(entries: readonly Entry[]) => Promise<Facts>> {
  const needsLocks = columns.some(({ live }) => live?.needs === 'locks')
  const needsSpace = columns.some(({ live }) => live?.needs === 'space')
  const space = needsSpace ? await session.files.space(path) : null
  const none: Facts = { locks: new Map(), space, now: now() }
  return async (entries) => {
    if (!needsLocks) return none
    const locks = await session.files.locks.coveringAll(entries.map((entry) => entry.path))
    return { locks, space, now: now() }
  }
}
