import type { Shared } from './caller.ts'
import type { Place } from './ports.ts'

type Records = Pick<Shared, 'metadata' | 'properties'>

/** Object metadata and dead properties go where what they belong to went. */
export async function moveRecords({ metadata, properties }: Records, from: Place, to: Place): Promise<void> {
  await Promise.all([metadata.move(from, to), properties.move(from, to)])
}

/** Object metadata and dead properties of what is gone, and of all that was below it. */
export async function removeRecords({ metadata, properties }: Records, place: Place): Promise<void> {
  await Promise.all([metadata.remove(place), properties.remove(place)])
}
