import { Fault } from '#faults'
import type { Files, StagedUpload } from '#files/types.ts'
import { isBelow, type VirtualPath } from '#permissions/path.ts'
import { type Origin, StagedFile } from './staged.ts'

/**
 * What this session is writing, by path. Until CLOSE nobody sees it, but the session itself does: STAT,
 * SETSTAT, OPEN, RENAME and REMOVE of such a path mean the staged file (sshfs and lftp rely on it).
 */
export type Overlay = {
  find(path: VirtualPath): StagedFile | undefined
  /** Starts a new content. */
  begin(path: VirtualPath, origin: Exclude<Origin, 'resume'>): Promise<StagedFile>
  /** Goes on with the one of this key whose connection was lost; null when there is none. */
  resume(path: VirtualPath): Promise<StagedFile | null>
  /** Drops what was begun and has no handle yet. */
  discard(staged: StagedFile): Promise<void>
  /** One more handle on it. */
  join(staged: StagedFile, writes: boolean): void
  /** One handle less: the last writer's publishes. Faults: that of a failed write; as commit. */
  leave(staged: StagedFile, writes: boolean): Promise<void>
  /** Another name took the place of, or removed, the path: its staged file is dropped at CLOSE. */
  orphan(path: VirtualPath): void
  /** The open file goes on under another name. */
  rename(staged: StagedFile, to: VirtualPath): void
  /** Faults: `not_empty` while files below the folder are being written. */
  refuseBelow(folder: VirtualPath): void
  /** The session ended: what was not published is kept for the same key, or dropped. */
  end(how: 'lost' | 'dropped'): Promise<void>
}

export function createOverlay(files: Files): Overlay {
  const byPath = new Map<VirtualPath, StagedFile>()
  const all = new Set<StagedFile>()

  const forget = (staged: StagedFile) => {
    if (byPath.get(staged.path) === staged) byPath.delete(staged.path)
  }

  const end = async (staged: StagedFile) => {
    all.delete(staged)
    await staged.drop()
  }

  const enter = (path: VirtualPath, upload: StagedUpload, origin: Origin) => {
    const staged = new StagedFile(files, upload, origin)
    byPath.set(path, staged)
    all.add(staged)
    return staged
  }

  return {
    find: (path) => byPath.get(path),

    async begin(path, origin) {
      const upload =
        origin === 'edit'
          ? await files.edit(path)
          : await files.create(path, origin === 'create_exclusive' ? { ifAbsent: true } : {})
      // A new content takes the place of one whose connection was lost.
      if (origin !== 'edit') await files.lost.drop(path)
      return enter(path, upload, origin)
    },

    async resume(path) {
      const upload = await files.lost.resume(path)
      return upload === null ? null : enter(path, upload, 'resume')
    },

    async discard(staged) {
      forget(staged)
      await end(staged)
    },

    join(staged, writes) {
      staged.handles += 1
      if (writes) staged.writers += 1
    },

    async leave(staged, writes) {
      staged.handles -= 1
      if (writes) staged.writers -= 1
      try {
        if (writes) await (staged.writers > 0 ? staged.settled() : staged.publish())
      } catch (error) {
        await staged.drop()
        throw error
      } finally {
        if (staged.writers === 0) forget(staged)
        if (staged.handles === 0) await end(staged)
      }
    },

    orphan(path) {
      const staged = byPath.get(path)
      if (staged === undefined) return
      staged.orphan = true
      byPath.delete(path)
    },

    rename(staged, to) {
      byPath.delete(staged.path)
      staged.movedTo = to
      byPath.set(to, staged)
    },

    refuseBelow(folder) {
      for (const path of byPath.keys()) {
        if (isBelow(folder, path)) throw new Fault('not_empty', 'a file in this folder is being written')
      }
    },

    async end(how) {
      byPath.clear()
      const ending = [...all]
      all.clear()
      await Promise.allSettled(ending.map((staged) => (how === 'lost' ? staged.lose() : staged.drop())))
    },
  }
}
