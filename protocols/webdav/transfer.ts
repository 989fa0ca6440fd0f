import { Fault } from '#faults'
import type { CopyOptions } from '#files/types.ts'
import type { VirtualPath } from '#permissions/path.ts'
import { type Call, changeOptions, headerOf, isConditional, ocMtime } from './call.ts'
import { hrefOf, pathOfReference } from './path.ts'
import { type Reply, textReply } from './reply.ts'

type Outcome = 'created' | 'replaced'

/**
 * What COPY and MOVE have in common: Destination, Overwrite, conditions on the source, X-OC-Mtime, and the status.
 * `act` does the work itself.
 */
export async function transfer(
  call: Call,
  act: (to: VirtualPath, options: CopyOptions) => Promise<Outcome>,
): Promise<Reply> {
  const { headers } = call
  const reference = headerOf(headers, 'destination')?.trim()
  if (reference === undefined || reference === '') throw new Fault('invalid', 'Destination is missing')
  const to = pathOfReference(reference, headers.host ?? '')
  if (to === 'elsewhere') return textReply(502, 'Destination is on another server')
  const overwrite = overwriteOf(call)
  const options = { overwrite, ...(await sourceOptions(call)) }
  try {
    const outcome = await act(to, options)
    const timed = await applyMtime(call, to)
    if (outcome === 'replaced') return { status: 204, headers: timed }
    return { status: 201, headers: { ...timed, Location: hrefOf(to, false) } }
  } catch (error) {
    if (error instanceof Fault && error.code === 'exists' && !overwrite) {
      throw new Fault('precondition', 'Destination exists and Overwrite is F', { cause: error })
    }
    throw error
  }
}

/** Conditions are about the source (RFC 9110 §13.2.1). */
async function sourceOptions(call: Call): Promise<Omit<CopyOptions, 'overwrite'>> {
  const { session, path, submitted } = call
  const { tokens } = submitted
  if (!isConditional(call) && !submitted.pinned) return { tokens }
  const { ifVersion } = changeOptions(call, await session.files.stat(path))
  return ifVersion === undefined ? { tokens } : { tokens, sourceVersion: ifVersion }
}

function overwriteOf({ headers }: Call): boolean {
  const overwrite = headerOf(headers, 'overwrite')?.trim().toUpperCase() ?? 'T'
  if (overwrite === 'T' || overwrite === 'F') return overwrite === 'T'
  throw new Fault('invalid', 'Overwrite is neither T nor F')
}

/** The time is an extra: a caller who may copy but not write keeps the copy without it. */
async function applyMtime(call: Call, to: VirtualPath): Promise<Record<string, string>> {
  const modified = ocMtime(call.headers)
  if (modified === undefined) return {}
  try {
    await call.session.files.setModified(to, modified, { tokens: call.submitted.tokens })
    return { 'X-OC-MTime': 'accepted' }
  } catch (error) {
    if (error instanceof Fault && error.code !== 'internal') return {}
    throw error
  }
}
