import { Fault } from '#faults'
import { type Call, depthOf } from './call.ts'
import type { Reply } from './reply.ts'
import { transfer } from './transfer.ts'

/** MOVE (RFC 4918 §9.9): one rename, whatever the size. */
export async function move(call: Call): Promise<Reply> {
  if (depthOf(call.headers, 'infinity') !== 'infinity')
    throw new Fault('invalid', 'MOVE has Depth infinity only')
  return transfer(call, (to, options) => call.session.files.rename(call.path, to, options))
}
