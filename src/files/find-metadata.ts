import type { VirtualPath } from '#permissions/path.ts'
import type { Shared } from './caller.ts'
import type { Fingerprint, Metadata } from './metadata.ts'
import type { Stray } from './ports.ts'
import type { Route } from './site.ts'
import { fingerprintOf } from './version.ts'

export type Described = { readonly path: VirtualPath; readonly fingerprint: Fingerprint }

/**
 * The object metadata of file versions in a mount, in their order; null where there is none. What was renamed
 * without a door is found by its inode, and its row follows it. `path` is relative to the mount.
 */
export async function findMetadata(
  shared: Pick<Shared, 'metadata' | 'log'>,
  { record, mount }: Pick<Route, 'record' | 'mount'>,
  files: readonly Described[],
): Promise<readonly (Metadata | null)[]> {
  const found = [...(await shared.metadata.find(record.id, files))]
  const missing = [...files.keys()].filter((index) => found[index] === null)
  if (missing.length === 0) return found
  const wanted = missing.flatMap((index) => files[index]?.fingerprint ?? [])
  const strays = await shared.metadata.strays(record.id, wanted)
  for (const [position, index] of missing.entries()) {
    const stray = strays[position] ?? null
    const file = files[index]
    if (stray === null || file === undefined) continue
    found[index] = stray.metadata
    await follow(shared, { record, mount }, stray, file)
  }
  return found
}

// A second name of the same file (a hard link) shares the row of the first.
async function follow(
  { metadata, log }: Pick<Shared, 'metadata' | 'log'>,
  { record, mount }: Pick<Route, 'record' | 'mount'>,
  { path }: Stray,
  file: Described,
): Promise<void> {
  try {
    const there = await mount.find(path)
    if (there !== null && fingerprintOf(there).ino === file.fingerprint.ino) return
    await metadata.rehome({ mountId: record.id, path }, file.fingerprint.ino, file.path)
  } catch (error) {
    log.warn({ err: error }, 'object metadata could not follow a renamed file')
  }
}
