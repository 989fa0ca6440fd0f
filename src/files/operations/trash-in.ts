import { randomBytes } from 'node:crypto'
import type { Caller } from '../caller.ts'
import { moveRecords } from '../follow.ts'
import { trashPath } from '../mount.ts'
import type { TrashRecord } from '../ports.ts'
import type { Entry } from '../types.ts'
import { followUp, placeOf, type Target } from './places.ts'

const TIME_DIGITS = 13

/** A name in the trash: sorts by time, and says it where the records are lost. */
export function newTrashId(now: number): string {
  return `${String(now).padStart(TIME_DIGITS, '0')}-${randomBytes(8).toString('hex')}`
}

/** True for what `newTrashId` makes. */
export function isTrashId(text: string): boolean {
  return /^\d{13}-[0-9a-f]{16}$/.test(text)
}

/** When something of this name was deleted. */
export function timeOfTrashId(id: string): number {
  return Number(id.slice(0, TIME_DIGITS))
}

/**
 * The record is durable before the file moves: a crash in between leaves a record of nothing, which lists leave out,
 * and never a file that nobody knows of. See docs/decisions/0008-trash.md.
 */
export async function putIntoTrash(caller: Caller, target: Target, there: Entry): Promise<void> {
  const { shared } = caller
  const { mount, inside } = target.route
  const record = recordOf(caller, target, there)
  await shared.trash.insert(record)
  try {
    await mount.trash.put(inside, record.id)
  } catch (error) {
    // It may have been moved all the same, and only the disk not have said so.
    const moved = await mount.trash.has(record.id).catch(() => true)
    if (!moved) await followUp(caller, () => shared.trash.remove([record.id]))
    throw error
  }
  const kept = { mountId: mount.id, path: trashPath(record.id) }
  await followUp(caller, () => moveRecords(shared, placeOf(target), kept))
}

function recordOf({ principal, shared }: Caller, target: Target, { kind, size }: Entry): TrashRecord {
  const now = shared.clock.now()
  const { user, key } = principal
  return {
    id: newTrashId(now),
    place: placeOf(target),
    kind,
    size,
    deletedAt: now,
    user: user && { id: user.id, name: user.name },
    key: key && { id: key.id, name: key.name },
  }
}
