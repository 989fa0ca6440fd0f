import { setImmediate as nextTurn } from 'node:timers/promises'
import { Fault } from '#faults'
import type { Files } from '#files/types.ts'
import { baseName, type VirtualPath } from '#permissions/path.ts'
import { listingReply, type Shown } from '../attributes.ts'
import type { Context } from '../context.ts'
import type { FolderHandle } from '../handles.ts'
import { endReply, handleReply, okReply, type Request, takePath } from '../packets.ts'
import { kindOf } from './kinds.ts'

/** OPENDIR: the first page is fetched now, so that a refusal is told here. A file is `not_found` (ENOTDIR). */
export async function opendir(context: Context, request: Request): Promise<Buffer> {
  const path = takePath(request)
  context.handles.room()
  const lost = await lostIn(context.files, path)
  const pages = context.files.listAll(path)[Symbol.asyncIterator]()
  const entries = await fetchPage({ pages, lost }).catch((error) => {
    if (error instanceof Fault && error.code === 'invalid') throw new Fault('not_found', 'not a folder')
    throw error
  })
  const handle: FolderHandle = { kind: 'folder', path, lost, pages, entries, next: 0, coming: NO_MORE }
  if (entries.length > 0) fetchNext(handle)
  return handleReply(request.id, context.handles.add(handle))
}

/** As STAT shows them. */
async function lostIn(files: Files, folder: VirtualPath): Promise<Map<string, Shown>> {
  const lost = await files.lost.list(folder)
  return new Map(
    lost.map(({ path, size, lostAt }) => {
      const name = baseName(path)
      return [name, { name, kind: 'file', size, modified: lostAt }]
    }),
  )
}

/** READDIR: one packet of entries. Bytes that are being written are not listed. */
export async function readdir(context: Context, request: Request): Promise<Buffer> {
  const handle = context.handles.take(request)
  if (handle.kind !== 'folder') throw new Fault('invalid', 'the handle is of a file')
  if (handle.next >= handle.entries.length) {
    handle.entries = await handle.coming
    handle.next = 0
    if (handle.entries.length === 0) return endReply(request.id)
    fetchNext(handle)
  }
  const { packet, count } = listingReply(request.id, handle.entries, handle.next, Date.now())
  handle.next += count
  return packet
}

const NO_MORE: Promise<readonly Shown[]> = Promise.resolve([])

/** Fetches the page after this one while the client reads this one: from the next turn on, after the answer has left. */
function fetchNext(handle: FolderHandle): void {
  handle.coming = nextTurn().then(() => fetchPage(handle))
  // It is told to who asks for it.
  handle.coming.catch(() => {})
}

/** No entries at the end. */
async function fetchPage({ pages, lost }: Pick<FolderHandle, 'pages' | 'lost'>): Promise<readonly Shown[]> {
  for (;;) {
    const page = await pages.next()
    const entries = page.done === true ? [...lost.values()] : withLost(page.value, lost)
    if (page.done === true) lost.clear()
    if (page.done === true || entries.length > 0) return entries
  }
}

function withLost(page: readonly Shown[], lost: Map<string, Shown>): readonly Shown[] {
  if (lost.size === 0) return page
  return page.map((entry) => {
    const shown = entry.kind === 'file' ? lost.get(entry.name) : undefined
    lost.delete(entry.name)
    return shown ?? entry
  })
}

export async function mkdir({ files, overlay }: Context, request: Request): Promise<Buffer> {
  const path = takePath(request)
  if (overlay.find(path)) throw new Fault('exists', 'file exists')
  await files.mkdir(path)
  return okReply(request.id)
}

/** RMDIR: an empty folder; a file is `not_found` (ENOTDIR). */
export async function rmdir({ files, overlay }: Context, request: Request): Promise<Buffer> {
  const path = takePath(request)
  overlay.refuseBelow(path)
  if (overlay.find(path) || (await kindOf(files, path)) === 'file')
    throw new Fault('not_found', 'not a folder')
  await files.remove(path)
  return okReply(request.id)
}
