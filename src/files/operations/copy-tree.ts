import { Fault, type FaultCode } from '#faults'
import { childOf, placedIn, type VirtualPath } from '#permissions/path.ts'
import { type Caller, checkAlive } from '../caller.ts'
import type { Metadata } from '../metadata.ts'
import type { StagedFolder } from '../mount.ts'
import type { CopyOptions, Entry, OpenFile } from '../types.ts'
import { fingerprintOf } from '../version.ts'
import type { Target } from './places.ts'

type Walk = {
  readonly caller: Caller
  readonly source: Target
  readonly target: Target
  readonly staged: StagedFolder
  readonly failed: CopyOptions['failed']
}

/** Copies all members of the source folder into the staged folder, with their object metadata. */
export async function copyMembers(walk: Walk): Promise<void> {
  await copyInto(walk, walk.source.route.inside, walk.target.route.inside, [])
}

async function copyInto(
  walk: Walk,
  from: VirtualPath,
  to: VirtualPath,
  names: readonly string[],
): Promise<void> {
  const { mount } = walk.source.route
  let after: string | null | undefined
  while (after !== null) {
    const page = await mount.list(from, after === undefined ? {} : { after })
    const described = await metadataOf(walk, page.entries)
    for (const [index, entry] of page.entries.entries()) {
      checkAlive(walk.caller)
      await attempt(walk, entry.path, async () => {
        const place = { at: childOf(to, entry.name), names: [...names, entry.name] }
        if (entry.kind === 'file') return copyOne(walk, entry, place, described[index] ?? null)
        await walk.staged.folder(place.names)
        await copyInto(walk, entry.path, place.at, place.names)
      })
    }
    after = page.next
  }
  await walk.staged.finish(names)
}

const OF_A_MEMBER: ReadonlySet<FaultCode> = new Set<FaultCode>(['forbidden', 'invalid', 'unavailable'])

/** What one member alone cannot do leaves that member out. */
async function attempt(walk: Walk, inside: VirtualPath, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (walk.failed === undefined || !(error instanceof Fault) || !OF_A_MEMBER.has(error.code)) throw error
    walk.failed(placedIn(walk.source.route.record.path, inside), error)
  }
}

async function copyOne(
  { caller, source, target, staged }: Walk,
  entry: Entry,
  place: { readonly at: VirtualPath; readonly names: readonly string[] },
  described: Metadata | null,
): Promise<void> {
  const file = await openIfThere(source, entry.path)
  if (file === null) return
  await using _closing = file
  const fingerprint = await staged.file(place.names, file, caller.signal)
  // What was listed may have been replaced before it was opened: its description is then not this version's.
  if (described === null || file.entry.version !== entry.version) return
  await caller.shared.metadata.put(
    { mountId: target.route.record.id, path: place.at },
    fingerprint,
    described,
  )
}

async function openIfThere({ route }: Target, path: VirtualPath): Promise<OpenFile | null> {
  try {
    return await route.mount.open(path)
  } catch (error) {
    if (error instanceof Fault && error.code === 'not_found') return null
    throw error
  }
}

function metadataOf(
  { caller, source }: Walk,
  entries: readonly Entry[],
): Promise<readonly (Metadata | null)[]> {
  const files = entries.map((entry) => ({ path: entry.path, fingerprint: fingerprintOf(entry) }))
  if (files.length === 0) return Promise.resolve([])
  return caller.shared.metadata.find(source.route.record.id, files)
}
