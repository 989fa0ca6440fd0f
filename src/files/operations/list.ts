import { Fault } from '#faults'
import { childOf, type VirtualPath } from '#permissions/path.ts'
import { type Caller, may, permit } from '../caller.ts'
import { compareKeys } from '../order.ts'
import { isReserved, nothingThere, outside, virtualFolder } from '../site.ts'
import type { Entry, ListKey, ListOptions, Page } from '../types.ts'
import { type Located, locate, lookUp } from './places.ts'

const DEFAULT_LIMIT = 1000
const MAX_LIMIT = 10_000
/** Of a listing to its end. Of larger ones so much outlives a collection that V8 puts the next ones among old objects. */
const STREAMED = 250
const EMPTY: Page = { entries: [], next: null }

export async function list(caller: Caller, folder: VirtualPath, options: ListOptions = {}): Promise<Page> {
  const located = await locate(caller, folder)
  const { partial } = permit(caller, 'list', folder, located.about)
  const limit = Math.min(Math.max(options.limit ?? DEFAULT_LIMIT, 1), MAX_LIMIT)
  const points = located.site.mountNames(folder)
  const page = await ownMembers(caller, located, partial, points, { ...options, limit })
  return points.length === 0 ? page : addMounts(caller, located, points, page, { ...options, limit })
}

export async function* listAll(caller: Caller, folder: VirtualPath): AsyncGenerator<readonly Entry[]> {
  let after: ListKey | null | undefined
  while (after !== null) {
    const page: Page = await list(caller, folder, {
      limit: STREAMED,
      ...(after === undefined ? {} : { after }),
    })
    if (page.entries.length > 0) yield page.entries
    after = page.next
  }
}

// Rights are only ever added further down: who may list a folder whole may stat each member of its mount, so only
// a partial listing asks for each name.
async function ownMembers(
  caller: Caller,
  located: Located,
  partial: boolean,
  points: readonly string[],
  options: ListOptions,
): Promise<Page> {
  const { route, path, about } = located
  if (route === null) return nothingOwn(located)
  if (isReserved(route.inside)) throw nothingThere()
  const shows = (name: string) =>
    !points.includes(name) && (!partial || mayStatMember(caller, path, name, about.mount))
  try {
    const needed = partial || points.length > 0 ? { ...options, shows } : options
    const page = await route.mount.list(route.inside, needed)
    const at = route.record.path
    return at === '/' ? page : { ...page, entries: page.entries.map((entry) => outside(at, entry)) }
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'not_found') throw error
    if ((await lookUp(located)) !== null) throw new Fault('invalid', 'this is not a folder')
    return nothingOwn(located)
  }
}

function nothingOwn({ site, path }: Located): Page {
  if (path === '/' || site.holdsMount(path)) return EMPTY
  throw nothingThere()
}

function mayStatMember(caller: Caller, folder: VirtualPath, name: string, mount: string | null): boolean {
  try {
    return may(caller, 'stat', childOf(folder, name), { mount })
  } catch {
    return false
  }
}

async function addMounts(
  caller: Caller,
  located: Located,
  points: readonly string[],
  page: Page,
  options: ListOptions & { limit: number },
): Promise<Page> {
  const { after, prefix = '', limit } = options
  const isOnPage = (name: string) =>
    name.startsWith(prefix) &&
    (after === undefined || compareKeys(`${name}/`, after) > 0) &&
    (page.next === null || compareKeys(`${name}/`, page.next) < 0)
  const added = await Promise.all(points.filter(isOnPage).map((name) => mountEntry(caller, located, name)))
  const entries = [...page.entries, ...added.filter((entry) => entry !== null)]
  entries.sort((a, b) => compareKeys(keyOf(a), keyOf(b)))
  if (entries.length <= limit) return { entries, next: page.next }
  const kept = entries.slice(0, limit)
  return { entries: kept, next: keyOf(kept[limit - 1] ?? virtualFolder(located.path)) }
}

async function mountEntry(caller: Caller, { path, site }: Located, name: string): Promise<Entry | null> {
  const point = childOf(path, name)
  const route = site.route(point)
  if (!may(caller, 'stat', point, { mount: route === null ? null : route.record.id })) return null
  // A storage that is away now must not hide the rest of the folder.
  const entry = await route?.mount.find(route.inside).catch(() => null)
  return route && entry ? outside(route.record.path, entry) : virtualFolder(point)
}

function keyOf(entry: Entry): ListKey {
  return entry.kind === 'folder' ? `${entry.name}/` : entry.name
}
