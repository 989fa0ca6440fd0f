import { Fault } from '#faults'
import type { PropertyName } from '#files/types.ts'
import { childElement, childElements, type XmlElement } from '#net/xml.ts'
import { keyOf, LIVE } from './props.ts'

/** What a PROPFIND asks for. */
export type Wanted = {
  readonly names: readonly PropertyName[]
  /** `all`: besides the names, what clients have set. `names`: nothing but names. */
  readonly kind: 'named' | 'all' | 'names'
  /** What a resource does not have is said too. */
  readonly missing: boolean
}

const ALL: readonly PropertyName[] = [...LIVE]
  .filter(([, { inAllprop }]) => inAllprop)
  .map(([key]) => nameOf(key))
const EVERY: readonly PropertyName[] = [...LIVE.keys()].map(nameOf)

function nameOf(key: string): PropertyName {
  const cut = key.indexOf('}')
  return { uri: key.slice(1, cut), local: key.slice(cut + 1) }
}

/** Reads the body of a PROPFIND (RFC 4918 §14.20); none is allprop. Fault `invalid`. */
export function readWanted(body: XmlElement | null): Wanted {
  if (body === null) return { names: ALL, kind: 'all', missing: false }
  if (body.uri !== 'DAV:' || body.local !== 'propfind') throw new Fault('invalid', 'body is no propfind')
  const prop = childElement(body, 'DAV:', 'prop')
  const all = childElement(body, 'DAV:', 'allprop')
  const names = childElement(body, 'DAV:', 'propname')
  if ([prop, all, names].filter((element) => element !== undefined).length !== 1) {
    throw new Fault('invalid', 'propfind holds none or several of prop, allprop and propname')
  }
  if (prop !== undefined) return { names: distinct(childElements(prop)), kind: 'named', missing: true }
  if (names !== undefined) return { names: EVERY, kind: 'names', missing: false }
  const include = childElement(body, 'DAV:', 'include')
  const more = include === undefined ? [] : childElements(include)
  return { names: distinct([...ALL, ...more]), kind: 'all', missing: more.length > 0 }
}

function distinct(names: readonly PropertyName[]): PropertyName[] {
  const known = new Map(names.map(({ uri, local }) => [keyOf({ uri, local }), { uri, local }]))
  return [...known.values()]
}
