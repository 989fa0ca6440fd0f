import { placedIn } from '#permissions/path.ts'
import type { Shared } from './caller.ts'
import type { Mount } from './mount.ts'
import { isTrashId, timeOfTrashId } from './operations/trash-in.ts'
import { type MountRecord, trashDaysOf } from './ports.ts'
import { dropTrash } from './trash-drop.ts'

const DAY_MS = 86_400_000
const AT_ONCE = 50
const MOST_IN_A_RUN = 5_000

/** What a run of the cleaner did. `more`: it stopped before it was done. */
export type Cleaning = { readonly removed: number; readonly more: boolean }

type Mounted = { readonly record: MountRecord; readonly mount: Mount }

/** Drops what a mount has kept for longer than its days, a bounded number of entries, in small steps. */
export async function cleanMount(shared: Shared, { record, mount }: Mounted): Promise<Cleaning> {
  const before = shared.clock.now() - trashDaysOf(record) * DAY_MS
  let removed = 0
  while (removed < MOST_IN_A_RUN) {
    const old = await shared.trash.older(record.id, before, AT_ONCE)
    await dropTrash(shared, mount, old)
    for (const { place } of old) recordPurge(shared, record, placedIn(record.path, place.path))
    removed += old.length
    if (old.length < AT_ONCE) return { removed: removed + (await dropUnknown(mount, before)), more: false }
  }
  return { removed, more: true }
}

// Nobody knows any more where it was: the records are older than the files, as after a restored backup.
async function dropUnknown(mount: Mount, before: number): Promise<number> {
  const names = await mount.trash.names()
  const old = names.filter((name) => isTrashId(name) && timeOfTrashId(name) < before).slice(0, MOST_IN_A_RUN)
  for (const name of old) await mount.trash.drop(name)
  return old.length
}

function recordPurge({ audit, clock }: Shared, { siteId }: MountRecord, subject: string): void {
  audit.record({
    at: clock.now(),
    action: 'file.purge',
    outcome: 'ok',
    reason: 'trash_days',
    siteId,
    userId: null,
    userName: null,
    keyId: null,
    keyName: null,
    door: null,
    address: null,
    subject,
  })
}
