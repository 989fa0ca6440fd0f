import type { Action } from '#permissions/decide.ts'
import { depth, ROOT, type VirtualPath } from '#permissions/path.ts'
import { type Caller, checkAlive, permit, record } from '../caller.ts'
import { findMetadata } from '../find-metadata.ts'
import { nothingThere, outside } from '../site.ts'
import type { ChangeOptions, Description, Entry } from '../types.ts'
import { describedAs } from '../version.ts'
import { checkLocks } from './lock-checks.ts'
import { changeable, checkConditions, holdPaths, locate, lookUp, placeOf } from './places.ts'
import { checkReplaceable } from './upload.ts'

/** Changes object metadata in one step of the records: a crash leaves the old or the new. */
export async function describe(
  caller: Caller,
  path: VirtualPath,
  change: Description,
  options: ChangeOptions = {},
): Promise<Entry> {
  const located = await locate(caller, path)
  const first = await lookUp(located)
  permit(caller, actionOn(path, first), path, located.about)
  if (path === ROOT || first === null) throw nothingThere()
  const target = changeable(located)
  using _held = await holdPaths(caller, [target])
  const there = await lookUp(target)
  if (there === null || there.kind !== first.kind) throw nothingThere()
  if (there.kind === 'file') checkReplaceable(caller, target, there)
  checkConditions(there, { ...options, ifAbsent: false })
  await checkLocks(caller, { path, tokens: options.tokens })
  const { metadata } = caller.shared
  const place = placeOf(target)
  const fingerprint = describedAs(there)
  const [held = null] = await findMetadata(caller.shared, target.route, [{ path: place.path, fingerprint }])
  const entry = outside(target.route.record.path, there)
  const described = change(entry, held)
  checkAlive(caller)
  await metadata.put(place, fingerprint, described)
  record(caller, 'file.write', path)
  return entry
}

function actionOn(path: VirtualPath, there: Entry | null): Action {
  if (there?.kind !== 'folder') return 'write'
  return depth(path) === 1 ? 'folder_create' : 'mkdir'
}
