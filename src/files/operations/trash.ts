import { Fault } from '#faults'
import { baseName, depth, isBelow, parentOf, placedIn, ROOT, type VirtualPath } from '#permissions/path.ts'
import { record as audit, type Caller, checkAlive, decided, may, permit, siteOf } from '../caller.ts'
import { moveRecords } from '../follow.ts'
import { trashPath } from '../mount.ts'
import type { Place, TrashRecord } from '../ports.ts'
import { nothingThere, outside, type Route, type SiteTree } from '../site.ts'
import { dropTrash } from '../trash-drop.ts'
import type { Entry, RestoreOptions, Trash, TrashEntry, TrashListOptions, TrashPage } from '../types.ts'
import { mkdir, removalOf } from './folders.ts'
import { checkLocks } from './lock-checks.ts'
import {
  changeable,
  checkHoldsNoMount,
  followUp,
  holdPaths,
  type Located,
  locate,
  lookUp,
  placeOf,
  type Target,
} from './places.ts'
import { permitReplacing } from './rename.ts'
import { isTrashId } from './trash-in.ts'

/** A record with the mount that keeps it, and where it was in the site. */
type Trashed = { readonly record: TrashRecord; readonly root: Route; readonly path: VirtualPath }

export function trashFor(caller: Caller): Trash {
  return {
    list: (options) => list(caller, options),
    restore: (id, options) => restore(caller, id, options),
    purge: (id) => purge(caller, id),
    purgeAll: (folder) => purgeAll(caller, folder),
  }
}

const DEFAULT_LIMIT = 100
const MAX_LIMIT = 1000
const READ_AT_ONCE = 200
/** So that nobody who may see little keeps the server reading through all that others deleted. */
const MOST_READS = 20

async function list(caller: Caller, options: TrashListOptions = {}): Promise<TrashPage> {
  const { folder = ROOT, after, limit = DEFAULT_LIMIT } = options
  const most = Math.min(Math.max(limit, 1), MAX_LIMIT)
  const site = await siteOf(caller)
  const entries: TrashEntry[] = []
  let before = after
  for (let reads = 0; reads < MOST_READS; reads++) {
    const page = await readPage(caller, site, folder, before)
    for (const one of await kept(page.found.filter((one) => mayList(caller, one)))) {
      entries.push(entryOf(one))
      if (entries.length === most) return { entries, next: one.record.id }
    }
    if (page.last === null) return { entries, next: null }
    before = page.last
  }
  return { entries, next: before ?? null }
}

/** The next records of a folder, whoever may see them. `last` is null at the end. */
async function readPage(
  { shared }: Caller,
  site: SiteTree,
  folder: VirtualPath,
  before: string | undefined,
): Promise<{ found: Trashed[]; last: string | null }> {
  const page = { limit: READ_AT_ONCE, ...(before === undefined ? {} : { before }) }
  const records = await shared.trash.list(placesWithin(site, folder), page)
  const found = records.flatMap((one) => trashedOf(site, one) ?? [])
  return { found, last: records.length < READ_AT_ONCE ? null : (records.at(-1)?.id ?? null) }
}

function placesWithin(site: SiteTree, folder: VirtualPath): Place[] {
  const route = site.route(folder)
  const below = site.roots.filter((root) => isBelow(folder, root.record.path))
  return [...(route === null ? [] : [route]), ...below].map(({ record, inside }) => ({
    mountId: record.id,
    path: inside,
  }))
}

function trashedOf(site: SiteTree, record: TrashRecord): Trashed | null {
  const root = site.roots.find((one) => one.record.id === record.place.mountId)
  return root === undefined ? null : { record, root, path: placedIn(root.record.path, record.place.path) }
}

// A crash leaves records of what was never moved or is restored already; and a storage may be away now.
async function kept(found: readonly Trashed[]): Promise<Trashed[]> {
  const there = await Promise.all(
    found.map(({ root, record }) => root.mount.trash.has(record.id).catch(() => false)),
  )
  return found.filter((_, index) => there[index])
}

// A folder that only leads to what the caller was given may be seen, but its deletion is not the caller's to know.
function mayList(caller: Caller, { record, path }: Trashed): boolean {
  const about = { mount: record.place.mountId }
  return (['stat', 'list'] as const).some((action) => {
    const decision = decided(caller, action, path, about)
    return decision.allow && !decision.partial
  })
}

function entryOf({ record, path }: Trashed): TrashEntry {
  const { id, kind, size, deletedAt, user, key } = record
  return { id, path, name: baseName(path), kind, size, deletedAt, user, key }
}

async function find(caller: Caller, id: string): Promise<Trashed> {
  const site = await siteOf(caller)
  const mounts = site.roots.map((root) => root.record.id)
  const record = isTrashId(id) ? await caller.shared.trash.get(mounts, id) : null
  const found = record === null ? null : trashedOf(site, record)
  if (found === null) throw nothingThere()
  return found
}

async function restore(caller: Caller, id: string, options: RestoreOptions = {}): Promise<Entry> {
  const found = await find(caller, id)
  if (!mayList(caller, found)) throw nothingThere()
  const path = options.to ?? found.path
  const located = await locate(caller, path)
  permitRestore(caller, found, located)
  checkHoldsNoMount(located)
  const target = changeable(located)
  if (target.route.mount !== found.root.mount) {
    throw new Fault('unsupported', 'this is restored within its own storage only')
  }
  using _entry = await holdEntry(caller, id)
  if (!(await found.root.mount.trash.has(id))) throw nothingThere()
  await makeParents(caller, target, options)
  using _held = await holdPaths(caller, [target])
  await moveBack(caller, found, target, options)
  audit(caller, 'file.restore', found.path, path === found.path ? {} : { target: path })
  const entry = await lookUp(target)
  if (entry === null) throw nothingThere()
  return outside(target.route.record.path, entry)
}

/** Held before paths, never behind them. Fault not_found when someone else was faster. */
async function holdEntry(caller: Caller, id: string): Promise<Disposable> {
  const held = await caller.shared.mutex.hold([`trash:${id}`])
  try {
    await find(caller, id)
    return held
  } catch (error) {
    held[Symbol.dispose]()
    throw error
  }
}

// Bringing it elsewhere is moving it, and lets be read there what could not be read where it was.
function permitRestore(caller: Caller, { record, path }: Trashed, to: Located): void {
  const tree = record.kind === 'folder'
  const at = { ...to.about, tree }
  if (tree && depth(to.path) === 1) permit(caller, 'folder_create', to.path, at)
  permit(caller, 'write', to.path, at)
  if (to.path === path) return
  const was = { mount: record.place.mountId, tree }
  if (may(caller, 'write', path, was) && may(caller, 'read', path, was)) return
  permit(caller, removalOf('delete', path, record), path, was)
}

async function makeParents(
  caller: Caller,
  { path, route }: Target,
  { tokens = [] }: RestoreOptions,
): Promise<void> {
  const missing: VirtualPath[] = []
  for (let at = parentOf(path); isBelow(route.record.path, at); at = parentOf(at)) {
    if ((await lookUp(await locate(caller, at))) !== null) break
    missing.push(at)
  }
  for (const folder of missing.reverse()) {
    try {
      await mkdir(caller, folder, { tokens })
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== 'exists') throw error
    }
  }
}

async function moveBack(
  caller: Caller,
  { record }: Trashed,
  target: Target,
  { overwrite = false, tokens }: RestoreOptions,
): Promise<void> {
  const { principal, shared } = caller
  const { path, route } = target
  const there = await lookUp(target)
  permitReplacing(caller, target, there, { overwrite })
  const replacesFolder = there?.kind === 'folder'
  await checkLocks(caller, { path, tokens, member: there === null, tree: replacesFolder })
  checkAlive(caller)
  await route.mount.trash.restore(record.id, route.inside, there !== null)
  await followUp(caller, async () => {
    if (there !== null) await shared.metadata.remove(placeOf(target))
    await moveRecords(shared, { mountId: route.mount.id, path: trashPath(record.id) }, placeOf(target))
    if (replacesFolder) await shared.locks.removeWithin(principal.siteId, path)
  })
  await followUp(caller, () => shared.trash.remove([record.id]))
}

async function purge(caller: Caller, id: string): Promise<void> {
  const found = await find(caller, id)
  permit(caller, removalOf('purge', found.path, found.record), found.path, aboutPurging(found))
  if (found.root.record.readOnly) throw new Fault('forbidden', 'the storage is read-only')
  using _held = await holdEntry(caller, id)
  checkAlive(caller)
  await dropTrash(caller.shared, found.root.mount, [found.record])
  audit(caller, 'file.purge', found.path)
}

function aboutPurging({ record }: Trashed) {
  return { mount: record.place.mountId, tree: record.kind === 'folder' }
}

async function purgeAll(caller: Caller, folder: VirtualPath): Promise<number> {
  const site = await siteOf(caller)
  let purged = 0
  let refused = false
  let before: string | null | undefined
  while (before !== null) {
    const page = await readPage(caller, site, folder, before)
    const mine = page.found.filter((one) => mayPurge(caller, one))
    refused ||= mine.length < page.found.filter((one) => mayList(caller, one)).length
    for (const one of mine) {
      checkAlive(caller)
      await dropTrash(caller.shared, one.root.mount, [one.record])
      audit(caller, 'file.purge', one.path)
    }
    purged += mine.length
    before = page.last
  }
  if (purged === 0 && refused) throw new Fault('forbidden', 'this is not allowed')
  return purged
}

function mayPurge(caller: Caller, found: Trashed): boolean {
  if (found.root.record.readOnly) return false
  return may(caller, removalOf('purge', found.path, found.record), found.path, aboutPurging(found))
}
