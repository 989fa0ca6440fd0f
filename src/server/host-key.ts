import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { newHostKey } from '#protocols/sftp/host-key.ts'

const HOST_KEY_FILE = 'ssh_host_ed25519_key'

/** The data folder's SSH host keys as OpenSSH PEM; an ed25519 key is made at the first start (mode 0600). */
export async function hostKeys(dataDir: string): Promise<readonly string[]> {
  const file = join(dataDir, HOST_KEY_FILE)
  try {
    return [await readFile(file, 'utf8')]
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
  }
  const key = newHostKey()
  await writeFile(file, key, { mode: 0o600, flag: 'wx', flush: true })
  return [key]
}
