import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { World } from '#test/world.ts'

/** All bytes of the database's files. */
export async function databaseText({ folder }: World): Promise<string> {
  const parts = await Promise.all(
    ['latchkey.db', 'latchkey.db-wal'].map((name) =>
      readFile(join(folder.path, name), 'latin1').catch(() => ''),
    ),
  )
  return parts.join('')
}
