import { cleanEach } from './clean-each.ts'
import type { Cleaning } from './clean-trash.ts'
import type { Mount } from './mount.ts'
import type { Mounted, MountTable } from './mount-table.ts'
import type { PlacedVersion, VersionStore } from './ports.ts'
import { versionOf } from './version.ts'

const AT_ONCE = 100
const MOST_IN_A_RUN = 5_000

/**
 * A cleaner of kept versions. One whose file is not where it was last, as that version, can no longer matter: the
 * file is gone, or another program changed or moved it. Each run looks at some of a mount, and the next goes on
 * behind them.
 */
export function cleanVersions(
  table: Pick<MountTable, 'each'>,
  store: Pick<VersionStore, 'page' | 'drop'>,
): () => Promise<Cleaning> {
  const reached = new Map<string, bigint>()

  async function cleanOne({ mount }: Mounted): Promise<Cleaning> {
    let after = reached.get(mount.id) ?? null
    let removed = 0
    for (let looked = 0; looked < MOST_IN_A_RUN; looked += AT_ONCE) {
      const page = await store.page(mount.id, after, AT_ONCE)
      removed += await store.drop(mount.id, await pastOf(mount, page))
      after = page.at(-1)?.now.ino ?? null
      if (after === null || page.length < AT_ONCE) {
        reached.delete(mount.id)
        return { removed, more: false }
      }
      reached.set(mount.id, after)
    }
    return { removed, more: true }
  }

  return () => cleanEach(table, cleanOne)
}

/** Those whose file is not at its place any more. Fault `unavailable` while the storage is away. */
async function pastOf(mount: Mount, page: readonly PlacedVersion[]): Promise<PlacedVersion[]> {
  const past: PlacedVersion[] = []
  for (const row of page) if (!(await isThere(mount, row))) past.push(row)
  return past
}

async function isThere(mount: Mount, { path, now, keptMtimeNs }: PlacedVersion): Promise<boolean> {
  if (path === null) return false
  const entry = await mount.find(path)
  return entry?.version === versionOf({ ...now, mtimeNs: keptMtimeNs })
}
