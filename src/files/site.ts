import { Fault } from '#faults'
import {
  baseName,
  isBelow,
  isWithin,
  parentOf,
  placedIn,
  ROOT,
  seenFrom,
  type VirtualPath,
} from '#permissions/path.ts'
import { type Mount, RESERVED } from './mount.ts'
import type { MountRecord } from './ports.ts'
import type { Entry } from './types.ts'

/** A virtual path in the mount that keeps it: `inside` is relative to the mount. */
export type Route = { readonly record: MountRecord; readonly mount: Mount; readonly inside: VirtualPath }

/** Where a site's tree is kept. */
export type SiteTree = {
  /** The mount with the longest path that holds `path`; null where there is none. Fault not_found: reserved. */
  route(path: VirtualPath): Route | null
  /** True when something is mounted at `path` or below it (the mount of the whole tree aside). */
  holdsMount(path: VirtualPath): boolean
  /** Names directly in `folder` at which something is mounted, or that lead there. */
  mountNames(folder: VirtualPath): readonly string[]
  /** Every mount, at its own root. */
  readonly roots: readonly Route[]
}

type Mounted = { readonly record: MountRecord; readonly mount: Mount }

export function createSiteTree(mounted: readonly Mounted[]): SiteTree {
  const deepestFirst = mounted.toSorted((a, b) => b.record.path.length - a.record.path.length)
  const points = mounted.map(({ record }) => record.path).filter((path) => path !== ROOT)
  return {
    roots: mounted.map((one) => ({ ...one, inside: ROOT })),
    route(path) {
      const found = deepestFirst.find(({ record }) => isWithin(record.path, path))
      if (found === undefined) return null
      const { record, mount } = found
      return { record, mount, inside: seenFrom(record.path, path) }
    },
    holdsMount: (path) => points.some((point) => isWithin(path, point)),
    mountNames(folder) {
      const names = points.filter((point) => isBelow(folder, point)).map((point) => nextName(folder, point))
      return [...new Set(names)]
    },
  }
}

function nextName(folder: VirtualPath, below: VirtualPath): string {
  let path = below
  while (parentOf(path) !== folder) path = parentOf(path)
  return baseName(path)
}

/** A mount's entry as it is called in the site. */
export function outside(at: VirtualPath, entry: Entry): Entry {
  if (at === ROOT) return entry
  if (entry.path === ROOT) return { ...entry, path: at, name: baseName(at) }
  return { ...entry, path: placedIn(at, entry.path) }
}

/** True for the server's own folder in a mount and all below it. Any case: some file systems ignore it. */
export function isReserved(inside: VirtualPath): boolean {
  const end = inside.indexOf('/', 1)
  const first = end === -1 ? inside.slice(1) : inside.slice(1, end)
  return first.length === RESERVED.length && first.toLowerCase() === RESERVED
}

/** A folder that exists only because mounts lie below it. */
export function virtualFolder(path: VirtualPath): Entry {
  return {
    path,
    name: baseName(path),
    kind: 'folder',
    size: 0,
    modified: 0,
    created: 0,
    version: '0'.repeat(32),
  }
}

export function nothingThere(): Fault {
  return new Fault('not_found', 'no such file or folder')
}
