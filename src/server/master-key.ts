import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type MasterKey, type MasterKeys, newMasterKey } from '#credentials/sealing.ts'
import { writePrivateFile } from './private-file.ts'

/** A reason not to start that the operator can mend. Shown without a stack. */
export class StartError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'StartError'
  }
}

export const MASTER_KEY_FILE = 'master.key'
const LINE = /^([0-9a-f]{8}):([A-Za-z0-9+/]{43}=)$/

/**
 * Master keys, the current one first: from `text` (the environment) or the data folder's `master.key`, one
 * `<id>:<base64 of 32 bytes>` a line. Null when there is none.
 */
export function readMasterKeys(dataDir: string, text: string | undefined): MasterKeys | null {
  const source = text === undefined ? join(dataDir, MASTER_KEY_FILE) : 'LATCHKEY_MASTER_KEY'
  const content = text ?? readIfThere(source)
  if (content === null) return null
  const keys = content
    .split(/[\s,]+/)
    .filter((line) => line !== '')
    .map((line) => parseLine(line, source))
  const [current, ...older] = keys
  if (current === undefined) throw new StartError(`${source} holds no master key`)
  return [current, ...older]
}

/** Makes the data folder's first master key, readable by its owner alone. Never over an existing file. */
export async function makeMasterKey(dataDir: string): Promise<MasterKey> {
  const key = newMasterKey()
  await writeFile(join(dataDir, MASTER_KEY_FILE), `${lineOf(key)}\n`, {
    mode: 0o600,
    flag: 'wx',
    flush: true,
  })
  return key
}

/** Replaces the keys of the file, whole or not at all. */
export async function writeMasterKeys(dataDir: string, keys: readonly MasterKey[]): Promise<void> {
  await writePrivateFile(dataDir, MASTER_KEY_FILE, keys.map(lineOf).join('\n'))
}

function lineOf({ id, bytes }: MasterKey): string {
  return `${id}:${bytes.toString('base64')}`
}

function parseLine(line: string, source: string): MasterKey {
  const [, id, bytes] = LINE.exec(line) ?? []
  if (id === undefined || bytes === undefined) {
    throw new StartError(`${source}: a line is not <8 hex digits>:<base64 of 32 bytes>`)
  }
  return { id, bytes: Buffer.from(bytes, 'base64') }
}

function readIfThere(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}
