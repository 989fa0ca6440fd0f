import type { Shared } from './caller.ts'
import type { Place } from './ports.ts'

export type PlaceRecords = Pick<Shared, 'metadata' | 'properties' | 'versions'>

/** Object metadata, dead properties and kept versions go where what they belong to went. */
export async function moveRecords(
  { metadata, properties, versions }: PlaceRecords,
  from: Place,
  to: Place,
): Promise<void> {
  await Promise.all([metadata.move(from, to), properties.move(from, to), versions.move(from, to)])
}

/** Object metadata, dead properties and kept versions of what is gone, and of all that was below it. */
export async function removeRecords(
  { metadata, properties, versions }: PlaceRecords,
  place: Place,
): Promise<void> {
  await Promise.all([metadata.remove(place), properties.remove(place), versions.remove(place)])
}
