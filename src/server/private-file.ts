import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Writes a file that only its owner can read, whole or not at all. */
export async function writePrivateFile(folder: string, name: string, content: string): Promise<void> {
  const target = join(folder, name)
  const temporary = `${target}.new`
  await writeFile(temporary, `${content}\n`, { mode: 0o600, flush: true })
  await rename(temporary, target)
}
