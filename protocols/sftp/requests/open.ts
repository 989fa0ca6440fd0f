import { Fault } from '#faults'
import type { VirtualPath } from '#permissions/path.ts'
import type { Context } from '../context.ts'
import { handleReply, type Request, takePath, takeUint32 } from '../packets.ts'
import { PublishedFile } from '../published.ts'
import type { StagedFile } from '../staged.ts'
import { OPEN } from '../wire.ts'

const CHANGES = OPEN.write | OPEN.append | OPEN.truncate

/** OPEN. The attributes that follow the flags could only set a mode; modes are not kept. */
export async function open(context: Context, request: Request): Promise<Buffer> {
  const path = takePath(request)
  const flags = takeUint32(request)
  context.handles.room()
  const writes = (flags & CHANGES) !== 0 || (await mustCreate(context, path, flags))
  const handle = writes ? await openToWrite(context, path, flags) : await openToRead(context, path)
  return handleReply(request.id, handle)
}

/** A reader with CREAT (`flock`) makes the file when it is missing. */
async function mustCreate(context: Context, path: VirtualPath, flags: number): Promise<boolean> {
  if ((flags & OPEN.create) === 0 || context.overlay.find(path)) return false
  return (flags & OPEN.exclusive) !== 0 || (await missing(context.files.stat(path)))
}

async function openToRead(context: Context, path: VirtualPath): Promise<number> {
  const staged = context.overlay.find(path)
  if (staged) {
    await requireReader(context, path, staged)
    return join(context, staged, OPEN.read)
  }
  return context.handles.add({
    kind: 'published',
    content: new PublishedFile(await context.files.open(path)),
  })
}

async function openToWrite(context: Context, path: VirtualPath, flags: number): Promise<number> {
  const staged = context.overlay.find(path)
  if (staged) return openAgain(context, path, staged, flags)
  const began = await begin(context, path, flags)
  try {
    await requireReader(context, path, began, flags)
  } catch (error) {
    await context.overlay.discard(began)
    throw error
  }
  return join(context, began, flags | OPEN.write)
}

async function begin({ overlay }: Context, path: VirtualPath, flags: number): Promise<StagedFile> {
  if ((flags & (OPEN.truncate | OPEN.exclusive)) === 0) {
    const resumed = await overlay.resume(path)
    if (resumed !== null) return resumed
  }
  if ((flags & OPEN.create) === 0) {
    const staged = await overlay.begin(path, 'edit')
    if (flags & OPEN.truncate) await staged.truncate(0)
    return staged
  }
  if (flags & OPEN.exclusive) return overlay.begin(path, 'create_exclusive')
  if (flags & OPEN.truncate) return overlay.begin(path, 'create')
  try {
    return await overlay.begin(path, 'edit')
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'not_found') throw error
    return overlay.begin(path, 'create')
  }
}

/** A second handle on a path that this session is writing shares the staged file. */
async function openAgain(
  context: Context,
  path: VirtualPath,
  staged: StagedFile,
  flags: number,
): Promise<number> {
  if ((flags & OPEN.create) !== 0 && (flags & OPEN.exclusive) !== 0) throw new Fault('exists', 'file exists')
  await requireReader(context, path, staged, flags)
  if (flags & OPEN.truncate) await staged.truncate(0)
  return join(context, staged, flags | OPEN.write)
}

/**
 * A staged file that began as a copy shows what was there before: the right to read that is asked for by
 * opening it. What the session wrote itself it may read.
 */
async function requireReader(
  { files }: Context,
  path: VirtualPath,
  staged: StagedFile,
  flags: number = OPEN.read,
): Promise<void> {
  if ((flags & OPEN.read) === 0 || staged.origin !== 'edit') return
  const file = await files.open(path)
  await file[Symbol.asyncDispose]()
}

function join({ handles, overlay }: Context, staged: StagedFile, flags: number): number {
  const writes = (flags & OPEN.write) !== 0
  overlay.join(staged, writes)
  return handles.add({
    kind: 'staged',
    content: staged,
    reads: (flags & OPEN.read) !== 0,
    writes,
    appends: (flags & OPEN.append) !== 0,
  })
}

async function missing(look: Promise<unknown>): Promise<boolean> {
  try {
    await look
    return false
  } catch (error) {
    if (error instanceof Fault && error.code === 'not_found') return true
    throw error
  }
}
