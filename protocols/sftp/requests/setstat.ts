import { Fault } from '#faults'
import type { VirtualPath } from '#permissions/path.ts'
import { type Attributes, takeAttributes } from '../attributes.ts'
import type { Context } from '../context.ts'
import { takeFile, writable } from '../handles.ts'
import { okReply, type Request, takePath } from '../packets.ts'
import type { StagedFile } from '../staged.ts'

/**
 * SETSTAT, and lsetstat: there are no links. Size and modification time are set. A mode is accepted and not kept,
 * because clients send one with every upload and would call it failed; so is an owner that comes with something
 * else. `chown` alone is refused in words.
 */
export async function setstat(context: Context, request: Request): Promise<Buffer> {
  const path = takePath(request)
  const attributes = takeKeepable(request)
  const staged = context.overlay.find(path)
  if (staged) await setStaged(staged, attributes)
  else await setPublished(context, path, attributes)
  return okReply(request.id)
}

/** FSETSTAT: waits for the handle's I/O. Before CLOSE the time is kept and set when the file is published. */
export async function fsetstat({ handles }: Context, request: Request): Promise<Buffer> {
  const handle = takeFile(handles, request)
  const attributes = takeKeepable(request)
  await handle.content.settled()
  if (attributes.size !== undefined || attributes.modified !== undefined) {
    await setStaged(writable(handle), attributes)
  }
  return okReply(request.id)
}

function takeKeepable(request: Request): Attributes {
  const attributes = takeAttributes(request)
  const { owned, size, mode, modified } = attributes
  if (owned && size === undefined && mode === undefined && modified === undefined) {
    throw new Fault('unsupported', 'files have no owner here')
  }
  return attributes
}

async function setStaged(staged: StagedFile, { size, modified }: Attributes): Promise<void> {
  await staged.settled()
  // lftp sends the size that the file has already.
  if (size !== undefined && size !== staged.length) await staged.truncate(size)
  if (modified !== undefined) staged.modified = modified
}

async function setPublished({ files }: Context, path: VirtualPath, attributes: Attributes): Promise<void> {
  const { size, modified } = attributes
  if (size !== undefined) return resize(files, path, size, modified)
  if (modified !== undefined) await files.setModified(path, modified)
  else await files.stat(path)
}

async function resize(
  files: Context['files'],
  path: VirtualPath,
  size: number,
  modified: number | undefined,
): Promise<void> {
  const entry = await files.stat(path)
  if (entry.kind === 'folder') throw new Fault('unsupported', 'a folder has no size')
  await using upload = await files.edit(path)
  await upload.truncate(size)
  await upload.commit(modified === undefined ? {} : { modified })
}
