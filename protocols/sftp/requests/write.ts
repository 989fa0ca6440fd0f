import { Fault } from '#faults'
import type { Context } from '../context.ts'
import { takeFile, writable } from '../handles.ts'
import { okReply, type Request, takeData, takeUint64 } from '../packets.ts'

/** WRITE: answered when the bytes landed in the staged file. Runs beside other requests. */
export async function write(context: Context, request: Request): Promise<Buffer> {
  const handle = takeFile(context.handles, request)
  const staged = writable(handle)
  try {
    const offset = takeUint64(request)
    const { chunks, length } = takeData(request)
    const position = handle.kind === 'staged' && handle.appends ? staged.length : offset
    if (length > 0) await staged.write(chunks, length, position)
  } catch (error) {
    if (error instanceof Fault) staged.fail(error)
    throw error
  }
  return okReply(request.id)
}
