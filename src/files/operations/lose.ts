import { randomBytes } from 'node:crypto'
import { type Caller, checkAlive, untilEnd } from '../caller.ts'
import { dropLost, holderIn, type LostLimits } from '../lost.ts'
import type { Staged } from '../mount.ts'
import type { Holder, LostRecord } from '../ports.ts'
import { lookUp, placeOf, type Target } from './places.ts'

type Losing = Pick<LostRecord, 'base' | 'edits' | 'size'>

/**
 * Keeps the first `size` staged bytes for the one who wrote them. The row comes first: what a crash leaves is a row
 * without a file, which the next look removes, never a file that nobody knows of.
 */
export async function lose(
  caller: Caller,
  target: Target,
  staged: Staged,
  { base, edits, size }: Losing,
): Promise<boolean> {
  checkAlive(caller)
  const { principal, shared } = caller
  const { store, limits } = shared.lost
  const holder = holderIn(principal)
  if (holder === null || limits.time === 0 || size === 0 || size > limits.bytes) return false
  if (((await lookUp(target))?.version ?? null) !== base) return false
  if (staged.size > size) await untilEnd(caller, () => staged.truncate(size))
  const { siteId } = principal
  const id = randomBytes(12).toString('hex')
  const lostAt = shared.clock.now()
  const record = { id, siteId, holder, place: placeOf(target), size, lostAt, base, edits }
  const earlier = await store.insert(record)
  if (earlier !== null) await target.route.mount.lost.drop(earlier)
  try {
    await untilEnd(caller, () => staged.lose(id))
    // Revoked meanwhile: whoever dropped this key's lost uploads may have come before the row.
    checkAlive(caller)
  } catch (error) {
    await dropLost(shared, record)
    throw error
  }
  await shared.lost.forget(siteId, holder)
  await dropSurplus(caller, holder, limits)
  return true
}

async function dropSurplus({ principal, shared }: Caller, holder: Holder, limits: LostLimits): Promise<void> {
  let bytes = 0
  for (const [index, record] of (await shared.lost.store.of(principal.siteId, holder)).entries()) {
    bytes += record.size
    if (index >= limits.most || bytes > limits.bytes) await dropLost(shared, record)
  }
}
