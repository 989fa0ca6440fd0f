import type { Files } from '#files/types.ts'
import { depth, parentOf, type VirtualPath } from '#permissions/path.ts'
import { isFault } from './call.ts'
import { S3Fault } from './errors.ts'

/**
 * Folders that this door made only because a key needed them. S3 has no folders, so these go again with
 * their last object; what another door or a `dir/` marker made stays. Known to this process alone: what it
 * forgets (restart, another node) stays as an empty folder, which lists as `dir/` and can be deleted as such.
 * A folder is recognised by its time of birth, so one that was made anew by somebody else is not taken for ours.
 */
export type ImplicitFolders = {
  /** Makes the missing folders above a key's path. Faults NoSuchBucket, ObjectParentIsFile. */
  makeParents(site: string, files: Files, path: VirtualPath): Promise<void>
  /** A marker was put: the folder stays from now on. */
  keep(site: string, folder: VirtualPath): void
  /** Removes the empty implicit folders above a path that is gone. Never faults. */
  prune(site: string, files: Files, path: VirtualPath): Promise<void>
  /** While held, the folders above `path` are not pruned: an upload is on its way there. */
  hold(site: string, path: VirtualPath): Disposable
}

const MAX_REMEMBERED = 20_000

export function createImplicitFolders(): ImplicitFolders {
  const births = new Map<string, number>()
  const held = new Map<string, number>()
  const markOf = (site: string, folder: VirtualPath) => `${site} ${folder}`

  function remember(site: string, folder: VirtualPath, created: number): void {
    const [oldest] = births.keys()
    if (oldest !== undefined && births.size >= MAX_REMEMBERED) births.delete(oldest)
    births.set(markOf(site, folder), created)
  }

  async function make(site: string, files: Files, folder: VirtualPath): Promise<void> {
    if (depth(folder) < 2) throw new S3Fault('NoSuchBucket')
    try {
      remember(site, folder, (await files.mkdir(folder)).created)
    } catch (error) {
      if (isFault(error, 'exists')) return requireFolder(files, folder)
      if (!isFault(error, 'no_parent')) throw error
      await make(site, files, parentOf(folder))
      await make(site, files, folder)
    }
  }

  return {
    makeParents: (site, files, path) => make(site, files, parentOf(path)),
    keep(site, folder) {
      births.delete(markOf(site, folder))
    },
    async prune(site, files, path) {
      for (let folder = parentOf(path); depth(folder) > 1; folder = parentOf(folder)) {
        const mark = markOf(site, folder)
        const created = births.get(mark)
        if (created === undefined || held.has(mark)) return
        try {
          const entry = await files.stat(folder)
          if (entry.kind !== 'folder' || entry.created !== created) return
          await files.remove(folder)
        } catch {
          return
        }
        births.delete(mark)
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
