import { Fault } from '#faults'
import type { VirtualPath } from '#permissions/path.ts'
import { type Call, depthOf } from './call.ts'
import { STATUS } from './faults.ts'
import { failedElement, MULTISTATUS_END, MULTISTATUS_START } from './multistatus.ts'
import { hrefOf } from './path.ts'
import { type Reply, XML_TYPE } from './reply.ts'
import { transfer } from './transfer.ts'

/**
 * COPY (RFC 4918 §9.8): a tree, or with Depth 0 a folder without its members. The copy appears whole at its end; what
 * could not be copied is left out and named in a 207.
 */
export async function copy(call: Call): Promise<Reply> {
  const depth = depthOf(call.headers, 'infinity')
  if (depth === '1') throw new Fault('invalid', 'COPY has Depth 0 or infinity')
  const shallow = depth === '0'
  const failures: [VirtualPath, number][] = []
  const failed = (path: VirtualPath, fault: Fault) => void failures.push([path, STATUS[fault.code]])
  const reply = await transfer(call, (to, options) =>
    call.session.files.copy(call.path, to, { ...options, shallow, failed }),
  )
  if (failures.length === 0) return reply
  const body = failures.map(([path, status]) => failedElement(hrefOf(path, false), status)).join('')
  return {
    status: 207,
    headers: { ...reply.headers, 'Content-Type': XML_TYPE },
    body: MULTISTATUS_START + body + MULTISTATUS_END,
  }
}
