import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { randomText } from '#credentials/values.ts'

/** Makes empty folders for mounts and sites that are added over the API: `mounts/<site>/<random>`. */
export function mountFolders(dataDir: string): (siteId: string) => Promise<string> {
  return async (siteId) => {
    const folder = join(dataDir, 'mounts', siteId, randomText(12))
    await mkdir(folder, { recursive: true })
    return folder
  }
}
