import type { Cleaning } from './clean-trash.ts'
import type { Mounted, MountTable } from './mount-table.ts'

/** Cleans each mount that can be changed, and adds up what was done. */
export async function cleanEach(
  table: Pick<MountTable, 'each'>,
  cleanOne: (mounted: Mounted) => Promise<Cleaning>,
): Promise<Cleaning> {
  let removed = 0
  let more = false
  await table.each(async (mounted) => {
    const cleaning = await cleanOne(mounted)
    removed += cleaning.removed
    more ||= cleaning.more
  })
  return { removed, more }
}
