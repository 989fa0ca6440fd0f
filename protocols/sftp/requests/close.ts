import type { Context } from '../context.ts'
import type { Handle } from '../handles.ts'
import { okReply, type Request } from '../packets.ts'

/** CLOSE: waits for the handle's I/O. The last writer's publishes the file; its fault is the answer. */
export async function close(context: Context, request: Request): Promise<Buffer> {
  await closeHandle(context, context.handles.remove(request))
  return okReply(request.id)
}

async function closeHandle({ overlay }: Context, handle: Handle): Promise<void> {
  switch (handle.kind) {
    case 'published':
      return handle.content.close()
    case 'staged':
      return overlay.leave(handle.content, handle.writes)
    case 'folder':
      await handle.pages.return?.()
  }
}

/** Ends what a session left open: nothing that was not closed is published. */
export async function abandonHandles({ handles, overlay }: Context, how: 'lost' | 'dropped'): Promise<void> {
  const left = handles.clear()
  await overlay.end(how)
  const closing = left.map(async (handle) => {
    if (handle.kind === 'published') await handle.content.close()
    if (handle.kind === 'folder') await handle.pages.return?.()
  })
  await Promise.allSettled(closing)
}
