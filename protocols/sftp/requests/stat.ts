import { Fault } from '#faults'
import { attributesReply } from '../attributes.ts'
import type { Context } from '../context.ts'
import { type Request, takePath } from '../packets.ts'

/**
 * STAT and LSTAT: there are no links. A file that this session is writing shows what was written; one that this
 * key lost the connection of shows how far that came, which is where clients go on.
 */
export async function stat({ files, overlay }: Context, request: Request): Promise<Buffer> {
  const path = takePath(request)
  const staged = overlay.find(path)
  if (staged) return attributesReply(request.id, await staged.stat())
  const lost = await files.lost.find(path)
  if (lost) return attributesReply(request.id, { kind: 'file', size: lost.size, modified: lost.lostAt })
  return attributesReply(request.id, await files.stat(path))
}

/** FSTAT: waits for the handle's I/O. */
export async function fstat({ handles }: Context, request: Request): Promise<Buffer> {
  const handle = handles.take(request)
  if (handle.kind === 'folder') throw new Fault('unsupported', 'the handle is of a folder')
  await handle.content.settled()
  return attributesReply(request.id, await handle.content.stat())
}
