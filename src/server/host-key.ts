import { statSync } from 'node:fs'
import { readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { HOST_KEY_KINDS, type HostKeyKind, type HostKeySet, makeHostKey } from '#protocols/sftp/host-key.ts'
import { writePrivateFile } from './private-file.ts'

/** The data folder's SSH host keys, as they are now: the same object as long as they are the same. */
export type HostKeys = Disposable & { readonly now: () => HostKeySet }

const LOOK_MS = 1_000

/** Where a host key of this kind lies, and the one that is announced to take its place. */
export function hostKeyFile(kind: HostKeyKind, which: 'current' | 'next'): string {
  return `ssh_host_${kind}_key${which === 'next' ? '.next' : ''}`
}

/**
 * Opens the host keys (OpenSSH or PEM, mode 0600); those that are missing are made. Changes that the command
 * line makes to the files are seen within a second or two. `onError` is told what could not be read then.
 */
export async function openHostKeys(dataDir: string, onError: (error: unknown) => void): Promise<HostKeys> {
  await makeMissing(dataDir)
  let mark = markOf(dataDir)
  let held = await readHostKeys(dataDir)
  let reading = false
  const look = async () => {
    const seen = markOf(dataDir)
    if (seen === mark || reading) return
    reading = true
    try {
      held = await readHostKeys(dataDir)
      mark = seen
    } catch (error) {
      onError(error)
    } finally {
      reading = false
    }
  }
  const timer = setInterval(() => void look(), LOOK_MS)
  timer.unref()
  return { now: () => held, [Symbol.dispose]: () => clearInterval(timer) }
}

/** Throws Error when a current key cannot be read. */
export async function readHostKeys(dataDir: string): Promise<HostKeySet> {
  const read = (which: 'current' | 'next') =>
    Promise.all(HOST_KEY_KINDS.map((kind) => readHostKeyFile(dataDir, kind, which)))
  const [current, next] = await Promise.all([read('current'), read('next')])
  const there = (text: string | null) => text !== null
  return { current: current.filter(there), next: next.filter(there) }
}

/** Null when there is none. */
export async function readHostKeyFile(
  dataDir: string,
  kind: HostKeyKind,
  which: 'current' | 'next',
): Promise<string | null> {
  try {
    return await readFile(join(dataDir, hostKeyFile(kind, which)), 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}

/** Makes a new key that is announced from now on. */
export async function prepareNextHostKey(dataDir: string, kind: HostKeyKind): Promise<string> {
  const key = await makeHostKey(kind)
  await writePrivateFile(dataDir, hostKeyFile(kind, 'next'), key.trimEnd())
  return key
}

/** Puts the announced key in the place of the current one, which is gone for good. */
export async function activateNextHostKey(dataDir: string, kind: HostKeyKind): Promise<void> {
  await rename(join(dataDir, hostKeyFile(kind, 'next')), join(dataDir, hostKeyFile(kind, 'current')))
}

/** Announces it no more. */
export async function dropNextHostKey(dataDir: string, kind: HostKeyKind): Promise<void> {
  await rm(join(dataDir, hostKeyFile(kind, 'next')), { force: true })
}

async function makeMissing(dataDir: string): Promise<void> {
  for (const kind of HOST_KEY_KINDS) {
    if ((await readHostKeyFile(dataDir, kind, 'current')) !== null) continue
    await writePrivateFile(dataDir, hostKeyFile(kind, 'current'), (await makeHostKey(kind)).trimEnd())
  }
}

/** Changes with every change of the files. */
function markOf(dataDir: string): string {
  const files = HOST_KEY_KINDS.flatMap((kind) => [hostKeyFile(kind, 'current'), hostKeyFile(kind, 'next')])
  return files
    .map((file) => {
      const found = statSync(join(dataDir, file), { throwIfNoEntry: false })
      return found === undefined ? '-' : `${found.ino} ${found.mtimeMs} ${found.size}`
    })
    .join()
}
