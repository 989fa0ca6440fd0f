import { Fault } from '#faults'
import { attributesReply } from '../attributes.ts'
import type { Context } from '../context.ts'
import { type Request, takePath } from '../packets.ts'

/** STAT and LSTAT: there are no links. A file that this session is writing shows what was written. */
export async function stat({ files, overlay }: Context, request: Request): Promise<Buffer> {
  const path = takePath(request)
  const staged = overlay.find(path)
  return attributesReply(request.id, staged ? await staged.stat() : await files.stat(path))
}

/** FSTAT: waits for the handle's I/O. */
export async function fstat({ handles }: Context, request: Request): Promise<Buffer> {
  const handle = handles.take(request)
  if (handle.kind === 'folder') throw new Fault('unsupported', 'the handle is of a folder')
  await handle.content.settled()
  return attributesReply(request.id, await handle.content.stat())
}
