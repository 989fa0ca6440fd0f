import { Fault } from '#faults'
import { parentOf, placedIn, type VirtualPath } from '#permissions/path.ts'
import { type Caller, checkAlive, may, stagedFor } from '../caller.ts'
import { dropLost, holderIn } from '../lost.ts'
import type { Staged } from '../mount.ts'
import type { LostRecord } from '../ports.ts'
import { isReserved } from '../site.ts'
import type { LostUpload, LostUploads, StagedUpload } from '../types.ts'
import { checkLocks } from './lock-checks.ts'
import { checkParent, locate, lookUp, placeOf, type Target } from './places.ts'
import { checkReplaceable, seen, uploadOf, writable } from './upload.ts'

export function lostFor(caller: Caller): LostUploads {
  return {
    find: async (path) => {
      const found = await find(caller, path)
      return found === null ? null : shown(path, found.record)
    },
    list: (folder) => list(caller, folder),
    resume: (path) => resume(caller, path),
    drop: async (path) => {
      const found = await find(caller, path)
      if (found !== null) await dropLost(caller.shared, found.record)
    },
  }
}

function shown(path: VirtualPath, { size, lostAt }: LostRecord): LostUpload {
  return { path, size, lostAt }
}

/** Those of the caller, with where they are in the site; empty at no cost for almost everybody. */
async function own(caller: Caller): Promise<readonly LostRecord[]> {
  checkAlive(caller)
  const { principal, shared } = caller
  const holder = holderIn(principal)
  return holder === null ? [] : shared.lost.of(principal.siteId, holder)
}

type Found = { readonly target: Target; readonly record: LostRecord }

async function find(caller: Caller, path: VirtualPath): Promise<Found | null> {
  const records = await own(caller)
  if (records.length === 0) return null
  const located = await locate(caller, path)
  const { route, about } = located
  if (route === null || route.record.readOnly || isReserved(route.inside)) return null
  const target: Target = { ...located, route }
  const { mountId, path: inside } = placeOf(target)
  const record = records.find(({ place }) => place.mountId === mountId && place.path === inside)
  if (record === undefined || !may(caller, 'write', path, about)) return null
  if (await isCurrent(target, record)) return { target, record }
  await dropLost(caller.shared, record)
  return null
}

// What was published since is newer than what was lost.
async function isCurrent(target: Target, { base }: LostRecord): Promise<boolean> {
  try {
    const there = await lookUp(target)
    if (there === null) await checkParent(target)
    return (there?.version ?? null) === base
  } catch (error) {
    if (error instanceof Fault && error.code === 'no_parent') return false
    throw error
  }
}

async function list(caller: Caller, folder: VirtualPath): Promise<readonly LostUpload[]> {
  const records = await own(caller)
  if (records.length === 0) return []
  const { roots } = await caller.shared.site(caller.principal.siteId)
  const shownHere: LostUpload[] = []
  for (const { place } of records) {
    const root = roots.find(({ record }) => record.id === place.mountId)
    if (root === undefined) continue
    const path = placedIn(root.record.path, place.path)
    const found = parentOf(path) === folder ? await find(caller, path) : null
    if (found !== null) shownHere.push(shown(path, found.record))
  }
  return shownHere
}

async function resume(caller: Caller, path: VirtualPath): Promise<StagedUpload | null> {
  const found = await find(caller, path)
  if (found === null) return null
  const { id, base, edits } = found.record
  const target = await writable(caller, path)
  const there = await lookUp(target)
  checkReplaceable(caller, target, there)
  await checkLocks(caller, { path, tokens: [], member: there === null })
  const { principal, shared } = caller
  const removed = await shared.lost.store.remove(id)
  await shared.lost.forget(principal.siteId, found.record.holder)
  if (!removed) return null
  const staged = await takenBack(caller, target, id)
  if (staged === null) return null
  const readable = !edits || may(caller, 'read', path, target.about)
  const replaces = seen(caller, target, there)
  return uploadOf(caller, target, staged, { readable, base, edits, replaces })
}

// A row whose file is gone: somebody emptied the hidden folder, or a crash came between the two.
async function takenBack(caller: Caller, { route }: Target, id: string): Promise<Staged | null> {
  try {
    return await stagedFor(caller, () => route.mount.lost.resume(id))
  } catch (error) {
    if (error instanceof Fault && error.code === 'not_found') return null
    throw error
  }
}
