import { Fault } from '#faults'
import type { Files } from '#files/types.ts'
import type { VirtualPath } from '#permissions/path.ts'
import { pathReply } from '../attributes.ts'
import type { Context } from '../context.ts'
import { okReply, type Request, takePath } from '../packets.ts'
import { kindOf } from './kinds.ts'

/** REALPATH resolves dots as text; it does not ask whether the path is there, as clients ask for new ones. */
export function realpath(_context: Context, request: Request): Buffer {
  return pathReply(request.id, takePath(request))
}

/** REMOVE: a file. A folder is refused (EISDIR), for which RMDIR is. */
export async function remove({ files, overlay }: Context, request: Request): Promise<Buffer> {
  const path = takePath(request)
  const staged = overlay.find(path)
  const kind = await kindOf(files, path)
  if (kind === 'folder') throw new Fault('exists', 'is a folder')
  const lost = await files.lost.find(path)
  // A new file that only its writer sees has nothing to remove; one that replaces another has.
  if (kind === 'file' || (staged === undefined && lost === null)) await files.remove(path)
  if (lost !== null) await files.lost.drop(path)
  overlay.orphan(path)
  return okReply(request.id)
}

/** RENAME: refused when the target is there, as version 3 has it. */
export function rename(context: Context, request: Request): Promise<Buffer> {
  return move(context, request, false)
}

/** posix-rename@openssh.com: a file takes the place of a file, a folder that of an empty folder. */
export function posixRename(context: Context, request: Request): Promise<Buffer> {
  return move(context, request, true)
}

async function move(context: Context, request: Request, overwrite: boolean): Promise<Buffer> {
  const from = takePath(request)
  const to = takePath(request)
  const { files, overlay } = context
  const staged = overlay.find(from)
  if (from === to) {
    if (!staged) await files.stat(from)
    return okReply(request.id)
  }
  if (!overwrite && overlay.find(to)) throw new Fault('exists', 'file exists')
  if (staged) {
    await requireTarget(files, to, overwrite)
    overlay.orphan(to)
    overlay.rename(staged, to)
    return okReply(request.id)
  }
  if ((await files.lost.find(from)) !== null && (await kindOf(files, from)) === null) {
    throw new Fault('unavailable', 'the upload of this file was cut: finish it or remove it')
  }
  overlay.refuseBelow(from)
  if (overwrite) await refuseTree(files, from, to)
  await files.rename(from, to, { overwrite })
  overlay.orphan(to)
  return okReply(request.id)
}

/** An open file is moved when it is published; what can be told now is told now. */
async function requireTarget(files: Files, to: VirtualPath, overwrite: boolean): Promise<void> {
  const kind = await kindOf(files, to)
  if (kind === 'folder' || (kind === 'file' && !overwrite)) throw new Fault('exists', 'file exists')
}

/** The rename of the tree replaces whole folders; POSIX does not. */
async function refuseTree(files: Files, from: VirtualPath, to: VirtualPath): Promise<void> {
  const target = await kindOf(files, to)
  if (target === null) return
  const source = await kindOf(files, from)
  if (source !== target && source !== null) throw new Fault('exists', 'target is of another kind')
  if (target === 'folder' && (await files.list(to, { limit: 1 })).entries.length > 0) {
    throw new Fault('not_empty', 'target is not empty')
  }
}

/** READLINK, SYMLINK and hardlink: links do not exist here. */
export function refuseLink(): never {
  throw new Fault('unsupported', 'links are not supported')
}
