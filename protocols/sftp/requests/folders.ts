import { Fault } from '#faults'
import { listingReply } from '../attributes.ts'
import type { Context } from '../context.ts'
import type { FolderHandle } from '../handles.ts'
import { endReply, handleReply, okReply, type Request, takePath } from '../packets.ts'
import { kindOf } from './kinds.ts'

/** OPENDIR: the first page is fetched now, so that a refusal is told here. A file is `not_found` (ENOTDIR). */
export async function opendir(context: Context, request: Request): Promise<Buffer> {
  const path = takePath(request)
  context.handles.room()
  const handle: FolderHandle = {
    kind: 'folder',
    pages: context.files.listAll(path)[Symbol.asyncIterator](),
    entries: [],
    next: 0,
  }
  try {
    await nextPage(handle)
  } catch (error) {
    if (error instanceof Fault && error.code === 'invalid') throw new Fault('not_found', 'not a folder')
    throw error
  }
  return handleReply(request.id, context.handles.add(handle))
}

/** READDIR: one packet of entries. Bytes that are being written are not listed. */
export async function readdir(context: Context, request: Request): Promise<Buffer> {
  const handle = context.handles.take(request)
  if (handle.kind !== 'folder') throw new Fault('invalid', 'the handle is of a file')
  if (handle.next >= handle.entries.length && !(await nextPage(handle))) return endReply(request.id)
  const { packet, count } = listingReply(request.id, handle.entries, handle.next, Date.now())
  handle.next += count
  return packet
}

async function nextPage(handle: FolderHandle): Promise<boolean> {
  handle.next = 0
  for (;;) {
    const page = await handle.pages.next()
    handle.entries = page.done === true ? [] : page.value
    if (page.done === true || handle.entries.length > 0) return handle.entries.length > 0
  }
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
