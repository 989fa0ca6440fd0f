import type { Shared } from './caller.ts'
import { type PlaceRecords, removeRecords } from './follow.ts'
import { type Mount, trashPath } from './mount.ts'
import type { TrashRecord } from './ports.ts'

/** Deletes for good. The record goes last: what a crash leaves is dropped again when it is old. */
export async function dropTrash(
  shared: PlaceRecords & Pick<Shared, 'trash'>,
  mount: Mount,
  records: readonly Pick<TrashRecord, 'id'>[],
): Promise<void> {
  await Promise.all(
    records.map(async ({ id }) => {
      await mount.trash.drop(id)
      await removeRecords(shared, { mountId: mount.id, path: trashPath(id) })
    }),
  )
  await shared.trash.remove(records.map(({ id }) => id))
}
