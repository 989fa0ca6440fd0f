import { type Neighbours, NO_NEIGHBOURS } from '#credentials/ports.ts'
import type { Metadata } from '#files/metadata.ts'
import type { Files } from '#files/types.ts'
import { depth, parentOf, type VirtualPath } from '#permissions/path.ts'
import { isFault } from './call.ts'
import { S3Fault } from './errors.ts'

/**
 * Folders that this door made only because a key needed them. S3 has no folders, so these go again with
 * their last object; what another door or a `dir/` marker made stays. The mark is object metadata of the folder,
 * so that it outlives a restart and goes along with a rename.
 */
export type ImplicitFolders = {
  /** Makes the missing folders above a key's path. Faults NoSuchBucket, ObjectParentIsFile. */
  makeParents(files: Files, path: VirtualPath): Promise<void>
  /** Removes the empty implicit folders above a path that is gone. Never faults. */
  prune(site: string, files: Files, path: VirtualPath): Promise<void>
  /** While held, the folders above `path` are not pruned: an upload is on its way there. */
  hold(site: string, path: VirtualPath): Disposable
}

const IMPLICIT: Metadata = {
  etag: '',
  headers: {},
  user: {},
  tags: {},
  checksums: {},
  parts: [],
  implicit: true,
}

const TOPIC = 's3 held folder'

/** The neighbours' uploads count too. */
export function createImplicitFolders(neighbours: Neighbours = NO_NEIGHBOURS): ImplicitFolders {
  const held = new Map<string, number>()
  const markOf = (site: string, folder: VirtualPath) => `${site} ${folder}`
  neighbours.answer(TOPIC, (mark) => (held.has(mark) ? 'held' : ''))
  const isHeld = async (mark: string) =>
    held.has(mark) || (await neighbours.ask(TOPIC, mark)).includes('held')
  return {
    makeParents: (files, path) => make(files, parentOf(path)),
    async prune(site, files, path) {
      for (let folder = parentOf(path); depth(folder) > 1; folder = parentOf(folder)) {
        const mark = markOf(site, folder)
        if (held.has(mark) || !(await removeImplicit(files, folder, () => isHeld(mark)))) return
      }
    },
    hold(site, path) {
      const marks: string[] = []
      for (let folder = parentOf(path); depth(folder) > 1; folder = parentOf(folder))
        marks.push(markOf(site, folder))
      for (const mark of marks) held.set(mark, (held.get(mark) ?? 0) + 1)
      return { [Symbol.dispose]: () => release(held, marks) }
    },
  }
}

async function make(files: Files, folder: VirtualPath): Promise<void> {
  if (depth(folder) < 2) throw new S3Fault('NoSuchBucket')
  try {
    await files.mkdir(folder, { metadata: IMPLICIT })
  } catch (error) {
    if (isFault(error, 'exists')) return requireFolder(files, folder)
    if (!isFault(error, 'no_parent')) throw error
    await make(files, parentOf(folder))
    await make(files, folder)
  }
}

/** False when the folder stays, or nothing is there. */
async function removeImplicit(
  files: Files,
  folder: VirtualPath,
  isHeld: () => Promise<boolean>,
): Promise<boolean> {
  try {
    const entry = await files.stat(folder)
    const [metadata] = entry.kind === 'folder' ? await files.metadata([entry]) : []
    if (!metadata?.implicit || (await isHeld())) return false
    await files.remove(folder)
    return true
  } catch {
    // It holds something, or this caller may not remove it.
    return false
  }
}

function release(held: Map<string, number>, marks: readonly string[]): void {
  for (const mark of marks) {
    const count = held.get(mark) ?? 0
    if (count > 1) held.set(mark, count - 1)
    else held.delete(mark)
  }
}

async function requireFolder(files: Files, folder: VirtualPath): Promise<void> {
  // Who may write but not look is told by the write itself.
  const entry = await files.stat(folder).catch(() => null)
  if (entry?.kind === 'file') throw new S3Fault('ObjectParentIsFile')
}
