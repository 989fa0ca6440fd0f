import { Fault } from '#faults'
import { depth, isBelow, type VirtualPath } from '#permissions/path.ts'
import { type Caller, checkAlive, permit, record, stagedFor, untilEnd } from '../caller.ts'
import { findMetadata } from '../find-metadata.ts'
import type { Metadata } from '../metadata.ts'
import { nothingThere } from '../site.ts'
import type { CopyOptions, Entry } from '../types.ts'
import { fingerprintOf } from '../version.ts'
import { copyMembers } from './copy-tree.ts'
import { checkLocks } from './lock-checks.ts'
import {
  changeable,
  checkConditions,
  checkHoldsNoMount,
  checkParent,
  followUp,
  holdPaths,
  locate,
  lookUp,
  placeOf,
  type Target,
} from './places.ts'
import { checkApart, permitReplacing } from './rename.ts'
import { dropOldMetadata, keeping } from './upload.ts'

type Ends = { readonly source: Target; readonly target: Target; readonly entry: Entry }

export async function copy(
  caller: Caller,
  from: VirtualPath,
  to: VirtualPath,
  options: CopyOptions,
): Promise<'created' | 'replaced'> {
  const ends = await permitted(caller, from, to, options)
  const { target, entry } = ends
  if (from === to) return describeAnew(caller, ends, options)
  permitReplacing(caller, target, await lookUp(target), options)
  await checkParent(target)
  await lockFree(caller, target, options)
  const how =
    entry.kind === 'file' ? await copyFile(caller, ends, options) : await copyFolder(caller, ends, options)
  record(caller, 'file.copy', `${from} → ${to}`, { target: to })
  return how
}

async function permitted(
  caller: Caller,
  from: VirtualPath,
  to: VirtualPath,
  options: CopyOptions,
): Promise<Ends> {
  const origin = await locate(caller, from)
  const aim = await locate(caller, to)
  const entry = await lookUp(origin)
  const isFolder = entry?.kind === 'folder'
  const tree = isFolder && !options.shallow
  permit(caller, 'copy_from', from, { ...origin.about, tree })
  permit(caller, 'copy_to', to, { ...aim.about, tree })
  if (isFolder && depth(to) === 1) permit(caller, 'folder_create', to, aim.about)
  const mayNest = options.shallow === true && isBelow(from, to)
  const ontoItself = from === to && entry?.kind === 'file' && options.metadata !== undefined
  if (!mayNest && !ontoItself) checkApart(from, to)
  checkHoldsNoMount(aim)
  if (tree && origin.site.holdsMount(from)) throw new Fault('unsupported', 'a mount lies in this folder')
  if (entry === null || origin.route === null) throw nothingThere()
  return { source: { ...origin, route: origin.route }, target: changeable(aim), entry }
}

/** Conditions and locks of the destination, and what is there now. */
async function lockFree(caller: Caller, target: Target, options: CopyOptions): Promise<Entry | null> {
  const there = await lookUp(target)
  permitReplacing(caller, target, there, options)
  const { path } = target
  const tree = there?.kind === 'folder'
  await checkLocks(caller, { path, tokens: options.tokens, member: there === null, tree })
  checkAlive(caller)
  return there
}

async function copyFile(caller: Caller, ends: Ends, options: CopyOptions): Promise<'created' | 'replaced'> {
  const { source, target } = ends
  const { signal } = caller
  await using file = await source.route.mount.open(source.route.inside)
  const { sourceVersion } = options
  if (sourceVersion !== undefined) checkConditions(file.entry, { ifVersion: sourceVersion })
  const metadata = options.metadata ?? (await metadataOf(caller, source, file.entry))
  const staged = await stagedFor(caller, () => target.route.mount.stage({ from: file, signal }))
  try {
    using _held = await holdPaths(caller, [target])
    const there = await lockFree(caller, target, options)
    const published = await untilEnd(caller, () =>
      staged.publish(target.route.inside, {
        replaceFolder: options.overwrite,
        ...keeping(caller, target, metadata),
      }),
    )
    if (there !== null) await dropOldMetadata(caller, target, published)
    await copyProperties(caller, ends, true)
    return there === null ? 'created' : 'replaced'
  } finally {
    caller.staged.delete(staged)
    await staged[Symbol.asyncDispose]()
  }
}

async function copyFolder(caller: Caller, ends: Ends, options: CopyOptions): Promise<'created' | 'replaced'> {
  const { source, target } = ends
  const staged = await stagedFor(caller, () => target.route.mount.stageFolder())
  try {
    if (!options.shallow)
      await untilEnd(caller, () => copyMembers({ caller, source, target, staged, failed: options.failed }))
    using _held = await holdPaths(caller, [target])
    const there = await lockFree(caller, target, options)
    await untilEnd(caller, () => staged.publish(target.route.inside, there !== null))
    if (there !== null) await forgetReplaced(caller, target, there)
    await copyProperties(caller, ends, options.shallow ?? false)
    return there === null ? 'created' : 'replaced'
  } finally {
    caller.staged.delete(staged)
    await staged[Symbol.asyncDispose]()
  }
}

function copyProperties(caller: Caller, { source, target }: Ends, shallow: boolean): Promise<void> {
  return followUp(caller, () => caller.shared.properties.copy(placeOf(source), placeOf(target), shallow))
}

async function forgetReplaced(caller: Caller, target: Target, there: Entry): Promise<void> {
  if (there.kind !== 'folder') return
  const { locks } = caller.shared
  await followUp(caller, () => locks.removeWithin(caller.principal.siteId, target.path))
}

// S3 changes an object's metadata by copying it onto itself: the bytes, and so the version, stay.
async function describeAnew(
  caller: Caller,
  { target, entry }: Ends,
  options: CopyOptions,
): Promise<'replaced'> {
  permit(caller, 'write', target.path, target.about)
  using _held = await holdPaths(caller, [target])
  await lockFree(caller, target, { ...options, overwrite: true })
  const { metadata } = options
  if (metadata) await caller.shared.metadata.put(placeOf(target), fingerprintOf(entry), metadata)
  record(caller, 'file.write', target.path)
  return 'replaced'
}

async function metadataOf(caller: Caller, { route }: Target, entry: Entry): Promise<Metadata | null> {
  const file = { path: route.inside, fingerprint: fingerprintOf(entry) }
  const [metadata] = await findMetadata(caller.shared, route, [file])
  return metadata ?? null
}
