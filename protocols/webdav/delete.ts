import { Fault } from '#faults'
import { type Call, changeOptions, depthOf } from './call.ts'
import type { Reply } from './reply.ts'

/** DELETE (RFC 4918 §9.6): a file, or a folder with all that is in it. */
export async function remove(call: Call): Promise<Reply> {
  const { session, path, headers } = call
  if (depthOf(headers, 'infinity') !== 'infinity')
    throw new Fault('invalid', 'DELETE has Depth infinity only')
  const entry = await session.files.stat(path)
  await session.files.remove(path, { ...changeOptions(call, entry), tree: true })
  return { status: 204 }
}
