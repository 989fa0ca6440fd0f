import { Fault } from '#faults'
import type { Action } from '#permissions/decide.ts'
import { depth, type VirtualPath } from '#permissions/path.ts'
import { type Caller, checkAlive, permit, record } from '../caller.ts'
import { nothingThere, outside } from '../site.ts'
import type { ChangeOptions, Entry } from '../types.ts'
import { checkLocks } from './lock-checks.ts'
import {
  changeable,
  checkConditions,
  checkHoldsNoMount,
  followUp,
  holdPaths,
  type Located,
  locate,
  lookUp,
  placeOf,
} from './places.ts'

export async function mkdir(caller: Caller, path: VirtualPath, options: ChangeOptions = {}): Promise<Entry> {
  const located = await locate(caller, path)
  permit(caller, depth(path) === 1 ? 'folder_create' : 'mkdir', path, located.about)
  if (located.site.holdsMount(path)) throw new Fault('exists', 'a folder is there')
  const target = changeable(located)
  using _held = await holdPaths(caller, [target])
  if (options.ifAbsent || options.ifVersion !== undefined) checkConditions(await lookUp(target), options)
  await checkLocks(caller, { path, tokens: options.tokens, member: true })
  checkAlive(caller)
  const entry = await target.route.mount.mkdir(target.route.inside)
  record(caller, 'folder.create', path)
  return outside(target.route.record.path, entry)
}

export async function remove(
  caller: Caller,
  path: VirtualPath,
  options: ChangeOptions & { readonly tree?: boolean } = {},
): Promise<void> {
  const located = await locate(caller, path)
  const first = await lookUp(located)
  permitRemoval(caller, located, first, options.tree ?? false)
  checkHoldsNoMount(located)
  if (first === null) throw nothingThere()
  const target = changeable(located)
  using _held = await holdPaths(caller, [target])
  const there = await lookUp(target)
  if (there === null) throw nothingThere()
  checkConditions(there, { ...options, ifAbsent: false })
  const isFolder = there.kind === 'folder'
  await checkLocks(caller, { path, tokens: options.tokens, member: true, tree: isFolder })
  checkAlive(caller)
  const { mount, inside } = target.route
  if (isFolder && options.tree) await mount.removeTree(inside)
  else await mount.remove(inside)
  await forget(caller, target.path, placeOf(target))
  record(caller, 'file.delete', path)
}

// What is removed is gone for good as long as mounts keep no trash.
function permitRemoval(caller: Caller, located: Located, there: Entry | null, tree: boolean): void {
  const isFolder = there?.kind === 'folder'
  permit(caller, removalOf(located.path, there), located.path, { ...located.about, tree: isFolder && tree })
}

/** The action that removing something is: top-level folders are special. */
export function removalOf(path: VirtualPath, there: Entry | null): Action {
  return there?.kind === 'folder' && depth(path) === 1 ? 'folder_purge' : 'purge'
}

async function forget(caller: Caller, path: VirtualPath, place: ReturnType<typeof placeOf>): Promise<void> {
  const { principal, shared } = caller
  await followUp(caller, () => shared.metadata.remove(place))
  await followUp(caller, () => shared.locks.removeWithin(principal.siteId, path))
}
