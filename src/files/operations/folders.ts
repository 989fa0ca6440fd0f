import { Fault } from '#faults'
import type { Action } from '#permissions/decide.ts'
import { depth, type VirtualPath } from '#permissions/path.ts'
import { type Caller, checkAlive, permit, record } from '../caller.ts'
import { endUploadsBelow } from '../clean-uploads.ts'
import { removeRecords } from '../follow.ts'
import type { Metadata } from '../metadata.ts'
import { trashDaysOf } from '../ports.ts'
import { nothingThere, outside, type Route } from '../site.ts'
import type { ChangeOptions, Entry } from '../types.ts'
import { describedAs } from '../version.ts'
import { checkLocks } from './lock-checks.ts'
import {
  changeable,
  checkConditions,
  checkHoldsNoMount,
  dropStaleProperties,
  followUp,
  holdPaths,
  type Located,
  locate,
  lookUp,
  placeOf,
  type Target,
} from './places.ts'
import { putIntoTrash } from './trash-in.ts'

type MkdirOptions = ChangeOptions & { readonly metadata?: Metadata }

export async function mkdir(caller: Caller, path: VirtualPath, options: MkdirOptions = {}): Promise<Entry> {
  const located = await locate(caller, path)
  permit(caller, depth(path) === 1 ? 'folder_create' : 'mkdir', path, located.about)
  if (located.site.holdsMount(path)) throw new Fault('exists', 'a folder is there')
  const target = changeable(located)
  using _held = await holdPaths(caller, [target])
  if (options.ifAbsent || options.ifVersion !== undefined) checkConditions(await lookUp(target), options)
  await checkLocks(caller, { path, tokens: options.tokens, member: true })
  checkAlive(caller)
  const entry = await target.route.mount.mkdir(target.route.inside)
  await dropStaleProperties(caller, target)
  const { metadata } = options
  if (metadata !== undefined) {
    await followUp(caller, () => caller.shared.metadata.put(placeOf(target), describedAs(entry), metadata))
  }
  record(caller, 'folder.create', path)
  return outside(target.route.record.path, entry)
}

type RemoveOptions = ChangeOptions & { readonly tree?: boolean }

/** Into the trash where the mount keeps one, else for good. */
export async function remove(caller: Caller, path: VirtualPath, options: RemoveOptions = {}): Promise<void> {
  const located = await locate(caller, path)
  await takeAway(caller, located, keepsTrash(located.route) ? 'delete' : 'purge', options)
}

/** For good, past the trash. */
export async function purge(caller: Caller, path: VirtualPath, options: RemoveOptions = {}): Promise<void> {
  await takeAway(caller, await locate(caller, path), 'purge', options)
}

/** What removing something is: `delete` where it can be restored. */
export type Removal = 'delete' | 'purge'

/** The action that a removal is: top-level folders are special. */
export function removalOf(removal: Removal, path: VirtualPath, there: Pick<Entry, 'kind'> | null): Action {
  return there?.kind === 'folder' && depth(path) === 1 ? `folder_${removal}` : removal
}

/** True where deleted files can be restored. */
export function keepsTrash(route: Route | null): boolean {
  return route !== null && trashDaysOf(route.record) > 0
}

async function takeAway(
  caller: Caller,
  located: Located,
  removal: Removal,
  options: RemoveOptions,
): Promise<void> {
  const { path } = located
  const first = await lookUp(located)
  const action = removalOf(removal, path, first)
  permit(caller, action, path, { ...located.about, tree: first?.kind === 'folder' && options.tree === true })
  checkHoldsNoMount(located)
  if (first === null) throw nothingThere()
  const target = changeable(located)
  using _held = await holdPaths(caller, [target])
  const there = await lookUp(target)
  if (there === null) throw nothingThere()
  // What was decided was for the other kind.
  if (there.kind !== first.kind) throw new Fault('precondition', 'it was replaced meanwhile')
  checkConditions(there, { ...options, ifAbsent: false })
  const isFolder = there.kind === 'folder'
  await checkLocks(caller, { path, tokens: options.tokens, member: true, tree: isFolder })
  checkAlive(caller)
  await takeFromMount(caller, target, there, { removal, tree: options.tree ?? false })
  await followUp(caller, () => caller.shared.locks.removeWithin(caller.principal.siteId, path))
  if (isFolder && depth(path) === 1) await followUp(caller, () => endUploadsBelow(caller, target))
  record(caller, removal === 'delete' ? 'file.delete' : 'file.purge', path)
}

async function takeFromMount(
  caller: Caller,
  target: Target,
  there: Entry,
  { removal, tree }: { readonly removal: Removal; readonly tree: boolean },
): Promise<void> {
  const { mount, inside } = target.route
  // Without `tree` only an empty folder goes: there is nothing in it to keep.
  if (removal === 'delete' && (there.kind === 'file' || tree)) return putIntoTrash(caller, target, there)
  if (there.kind === 'folder' && tree) await mount.removeTree(inside)
  else await mount.remove(inside)
  await followUp(caller, () => removeRecords(caller.shared, placeOf(target)))
}
