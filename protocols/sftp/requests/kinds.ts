import { Fault } from '#faults'
import type { Entry, Files } from '#files/types.ts'
import type { VirtualPath } from '#permissions/path.ts'

/** What is there as far as the caller may see; null when nothing is, or it is not the caller's to know. */
export async function kindOf(files: Files, path: VirtualPath): Promise<Entry['kind'] | null> {
  try {
    return (await files.stat(path)).kind
  } catch (error) {
    if (error instanceof Fault && (error.code === 'not_found' || error.code === 'forbidden')) return null
    throw error
  }
}
