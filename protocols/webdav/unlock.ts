import { Fault } from '#faults'
import { type Call, conditionsHold, headerOf, isConditional, statOrNull } from './call.ts'
import { conditionReply, type Reply } from './reply.ts'

/** UNLOCK (RFC 4918 §9.11): by any resource that the lock covers. */
export async function unlock(call: Call): Promise<Reply> {
  const { session, path, headers } = call
  const token = /^\s*<([^<>\s]+)>\s*$/.exec(headerOf(headers, 'lock-token') ?? '')?.[1]
  if (token === undefined) throw new Fault('invalid', 'Lock-Token is missing or malformed')
  if (isConditional(call)) conditionsHold(call, await statOrNull(session.files, path))
  const { locks } = session.files
  const held = (await locks.covering(path)).find((lock) => lock.token === token)
  try {
    await locks.release(held?.path ?? path, token)
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'precondition') throw error
    return conditionReply(409, '<D:lock-token-matches-request-uri/>')
  }
  return { status: 204 }
}
