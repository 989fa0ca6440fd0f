import { Fault } from '#faults'
import type { Entry } from '#files/types.ts'
import type { VirtualPath } from '#permissions/path.ts'
import type { Shown } from './attributes.ts'
import { type Request, takeBytes } from './packets.ts'
import type { Content, PublishedFile } from './published.ts'
import type { StagedFile } from './staged.ts'
import { MAX_HANDLES } from './wire.ts'

/** Open for reading what is published. */
export type ReadHandle = { readonly kind: 'published'; readonly content: PublishedFile }

/** Open on a file that this session is writing. */
export type WriteHandle = {
  readonly kind: 'staged'
  readonly content: StagedFile
  readonly reads: boolean
  readonly writes: boolean
  /** Every WRITE goes to the end, whatever its offset says. */
  readonly appends: boolean
}

/** Open folder: the page that is being told, the one after it, and where more comes from. */
export type FolderHandle = {
  readonly kind: 'folder'
  readonly path: VirtualPath
  /** Uploads that this key lost here and that were not listed yet, by name. */
  readonly lost: Map<string, Shown>
  readonly pages: AsyncIterator<readonly Entry[]>
  entries: readonly Shown[]
  next: number
  /** No entries: there are no more. */
  coming: Promise<readonly Shown[]>
}

export type FileHandle = ReadHandle | WriteHandle
export type Handle = FileHandle | FolderHandle

/** The handles of one session; their number is bounded. */
export type Handles = {
  readonly size: number
  /** Faults: `unavailable` when too many are open. Asked before something is opened for a handle. */
  room(): void
  add(handle: Handle): number
  /** Takes the handle field of a request. Faults: `invalid` for one that is not open. */
  take(request: Request): Handle
  /** The same, and the handle is not open any more. */
  remove(request: Request): Handle
  /** All handles; none is open any more. */
  clear(): Handle[]
}

export function createHandles(): Handles {
  const open = new Map<number, Handle>()
  let last = 0

  const find = (request: Request): [number, Handle] => {
    const bytes = takeBytes(request)
    const number = bytes.length === 4 ? bytes.readUInt32BE(0) : 0
    const handle = open.get(number)
    if (handle === undefined) throw new Fault('invalid', 'no such handle')
    return [number, handle]
  }

  return {
    get size() {
      return open.size
    },
    room() {
      if (open.size >= MAX_HANDLES) throw new Fault('unavailable', 'too many open handles')
    },
    add(handle) {
      do last = (last + 1) >>> 0 || 1
      while (open.has(last))
      open.set(last, handle)
      return last
    },
    take: (request) => find(request)[1],
    remove(request) {
      const [number, handle] = find(request)
      open.delete(number)
      return handle
    },
    clear() {
      const handles = [...open.values()]
      open.clear()
      return handles
    },
  }
}

/** Faults: `invalid` when the handle is a folder's. */
export function takeFile(handles: Handles, request: Request): FileHandle {
  const handle = handles.take(request)
  if (handle.kind === 'folder') throw new Fault('invalid', 'the handle is of a folder')
  return handle
}

/** The bytes that a handle may read. Faults: `forbidden` when it was opened for writing only. */
export function readable(handle: FileHandle): Content {
  if (handle.kind === 'staged' && !handle.reads) throw new Fault('forbidden', 'not open for reading')
  return handle.content
}

/** The file that a handle may write. Faults: `forbidden` when it was opened for reading only. */
export function writable(handle: FileHandle): StagedFile {
  if (handle.kind !== 'staged' || !handle.writes) throw new Fault('forbidden', 'not open for writing')
  return handle.content
}
