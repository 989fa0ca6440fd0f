import { Fault } from '#faults'
import { depth, isWithin, type VirtualPath } from '#permissions/path.ts'
import { type Caller, checkAlive, permit, record, stagedFor, untilEnd } from '../caller.ts'
import { moveRecords } from '../follow.ts'
import { nothingThere } from '../site.ts'
import type { Entry, RenameOptions } from '../types.ts'
import { fingerprintOf } from '../version.ts'
import { removalOf } from './folders.ts'
import { checkLocks } from './lock-checks.ts'
import {
  changeable,
  checkConditions,
  checkHoldsNoMount,
  followUp,
  holdPaths,
  locate,
  lookUp,
  placeOf,
  type Target,
} from './places.ts'
import { checkReplaceable, dropOldMetadata, keeping } from './upload.ts'

type Ends = { readonly source: Target; readonly target: Target; readonly entry: Entry }

export async function rename(
  caller: Caller,
  from: VirtualPath,
  to: VirtualPath,
  options: RenameOptions,
): Promise<'created' | 'replaced'> {
  const ends = await permitted(caller, from, to)
  const { source, target, entry } = ends
  using _held = await holdPaths(caller, [source, target])
  await checkSource(source, options)
  const there = await lookUp(target)
  permitReplacing(caller, target, there, options)
  const { tokens } = options
  const isFolder = entry.kind === 'folder'
  await checkLocks(
    caller,
    { path: from, tokens, member: true, tree: isFolder },
    { path: to, tokens, member: there === null, tree: there?.kind === 'folder' },
  )
  checkAlive(caller)
  if (source.route.mount === target.route.mount) await move(caller, ends, there)
  else await moveAcross(caller, ends, there)
  await followUp(caller, () => caller.shared.locks.removeWithin(caller.principal.siteId, from))
  record(caller, 'file.rename', `${from} → ${to}`, { target: to })
  return there === null ? 'created' : 'replaced'
}

async function permitted(caller: Caller, from: VirtualPath, to: VirtualPath): Promise<Ends> {
  const origin = await locate(caller, from)
  const aim = await locate(caller, to)
  const entry = await lookUp(origin)
  const isFolder = entry?.kind === 'folder'
  permit(caller, isFolder && depth(from) === 1 ? 'folder_rename_from' : 'rename_from', from, {
    ...origin.about,
    tree: isFolder,
  })
  permit(caller, isFolder && depth(to) === 1 ? 'folder_rename_to' : 'rename_to', to, {
    ...aim.about,
    tree: isFolder,
  })
  checkApart(from, to)
  checkHoldsNoMount(origin)
  checkHoldsNoMount(aim)
  if (entry === null) throw nothingThere()
  return { source: changeable(origin), target: changeable(aim), entry }
}

/** Fault precondition when the source is not the version that it has to be. */
async function checkSource(source: Target, { sourceVersion }: RenameOptions): Promise<void> {
  if (sourceVersion !== undefined) checkConditions(await lookUp(source), { ifVersion: sourceVersion })
}

/** Fault forbidden when one path is, or lies below, the other. */
export function checkApart(from: VirtualPath, to: VirtualPath): void {
  if (isWithin(from, to) || isWithin(to, from)) {
    throw new Fault('forbidden', 'source and destination lie within each other')
  }
}

/** What is at the destination may go: Faults exists, precondition, forbidden. */
export function permitReplacing(
  caller: Caller,
  located: Target,
  there: Entry | null,
  options: RenameOptions,
): void {
  checkReplaceable(caller, located, there)
  checkConditions(there, options)
  if (there === null) return
  if (!options.overwrite) throw new Fault('exists', 'something is there already')
  const { path, about } = located
  if (there.kind === 'file') permit(caller, 'write', path, about)
  else permit(caller, removalOf('purge', path, there), path, { ...about, tree: true })
}

async function move(caller: Caller, { source, target, entry }: Ends, there: Entry | null): Promise<void> {
  await source.route.mount.rename(source.route.inside, target.route.inside, there !== null)
  await followUp(caller, async () => {
    const { metadata, locks } = caller.shared
    if (there !== null) await metadata.remove(placeOf(target), fingerprintOf(entry).ino)
    await moveRecords(caller.shared, placeOf(source), placeOf(target))
    if (there?.kind === 'folder') await locks.removeWithin(caller.principal.siteId, target.path)
  })
}

// Another mount may be another kind of storage: the bytes are copied, then the original goes.
async function moveAcross(
  caller: Caller,
  { source, target, entry }: Ends,
  there: Entry | null,
): Promise<void> {
  if (entry.kind === 'folder') {
    throw new Fault('unsupported', 'a folder cannot be moved to another storage in one step')
  }
  const { signal, shared } = caller
  const { mount, inside } = source.route
  await using file = await mount.open(inside)
  const staged = await stagedFor(caller, () => target.route.mount.stage({ from: file, signal }))
  try {
    const fingerprint = fingerprintOf(file.entry)
    const [metadata] = await shared.metadata.find(source.route.record.id, [{ path: inside, fingerprint }])
    const published = await untilEnd(caller, () =>
      staged.publish(target.route.inside, {
        modified: file.entry.modified,
        replaceFolder: true,
        ...keeping(caller, target, metadata),
      }),
    )
    if (there !== null) await dropOldMetadata(caller, target, published)
  } finally {
    caller.staged.delete(staged)
    await staged[Symbol.asyncDispose]()
  }
  await mount.remove(inside)
  await followUp(caller, async () => {
    await shared.metadata.remove(placeOf(source))
    await shared.properties.move(placeOf(source), placeOf(target))
  })
}
