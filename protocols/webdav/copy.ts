import { Fault } from '#faults'
import { type Call, depthOf } from './call.ts'
import type { Reply } from './reply.ts'
import { transfer } from './transfer.ts'

/** COPY (RFC 4918 §9.8): a tree, or with Depth 0 a folder without its members. */
export async function copy(call: Call): Promise<Reply> {
  const depth = depthOf(call.headers, 'infinity')
  if (depth === '1') throw new Fault('invalid', 'COPY has Depth 0 or infinity')
  const shallow = depth === '0'
  return transfer(call, (to, options) => call.session.files.copy(call.path, to, { ...options, shallow }))
}
