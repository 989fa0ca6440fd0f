import { isWithin, parentOf, type VirtualPath } from './path.ts'

/** What a grant allows on its folder (REQUIREMENTS.md, U1). */
export const RIGHT_BITS = {
  list: 1 << 0,
  read: 1 << 1,
  write: 1 << 2,
  delete: 1 << 3,
  share: 1 << 4,
  history: 1 << 5,
  admin: 1 << 6,
} as const

export type Right = keyof typeof RIGHT_BITS
/** Bit set of rights. */
export type Rights = number

const BY_NAME: ReadonlyMap<string, number> = new Map(Object.entries(RIGHT_BITS))

export function rightsOf(...names: readonly Right[]): Rights {
  return names.reduce((all, name) => all | RIGHT_BITS[name], 0)
}

/** Sets of rights by name (REQUIREMENTS.md, U1). */
export const LEVELS: ReadonlyMap<string, Rights> = new Map([
  ['full', rightsOf('list', 'read', 'write', 'delete', 'share', 'history')],
  ['readonly', rightsOf('list', 'read')],
  ['writeonly', rightsOf('write')],
  ['list', rightsOf('list')],
  ['history', rightsOf('list', 'history')],
  ['admin', [...BY_NAME.values()].reduce((all, bit) => all | bit, 0)],
])

export const ALL_RIGHTS: Rights = [...BY_NAME.values()].reduce((all, bit) => all | bit, 0)

/** A right or level name as bits; undefined when there is no such name. */
export function parseRight(name: string): Rights | undefined {
  return BY_NAME.get(name) ?? LEVELS.get(name)
}

export function rightNames(rights: Rights): string[] {
  return [...BY_NAME].filter(([, bit]) => (rights & bit) !== 0).map(([name]) => name)
}

/** Rights on a folder; `recursive` reaches every depth, otherwise the folder and what lies directly in it. */
export type Grant = { readonly path: VirtualPath; readonly recursive: boolean; readonly rights: Rights }

/** How much of the tree at a path an action touches. */
export type Reach =
  /** The entry itself. */
  | 'entry'
  /** The names in a folder. */
  | 'members'
  /** The entry and everything below it. */
  | 'tree'

/** True when the grant speaks of `path` for an action of this reach. */
export function covers(grant: Grant, path: VirtualPath, reach: Reach): boolean {
  if (grant.recursive) return isWithin(grant.path, path)
  if (reach === 'tree') return false
  if (path === grant.path) return true
  return reach === 'entry' && parentOf(path) === grant.path
}

/** Union of the rights of all grants that cover `path`. */
export function rightsAt(grants: readonly Grant[], path: VirtualPath, reach: Reach): Rights {
  let rights = 0
  for (const grant of grants) if (covers(grant, path, reach)) rights |= grant.rights
  return rights
}
