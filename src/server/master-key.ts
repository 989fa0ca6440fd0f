import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type MasterKey, newMasterKey } from '#credentials/sealing.ts'

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
export async function readMasterKeys(
  dataDir: string,
  text: string | undefined,
): Promise<[MasterKey, ...MasterKey[]] | null> {
  const source = text === undefined ? join(dataDir, MASTER_KEY_FILE) : 'LATCHKEY_MASTER_KEY'
  const content = text ?? (await readIfThere(source))
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
  const line = `${key.id}:${key.bytes.toString('base64')}\n`
  await writeFile(join(dataDir, MASTER_KEY_FILE), line, { mode: 0o600, flag: 'wx', flush: true })
  return key
}

function parseLine(line: string, source: string): MasterKey {
  const [, id, bytes] = LINE.exec(line) ?? []
  if (id === undefined || bytes === undefined) {
    throw new StartError(`${source}: a line is not <8 hex digits>:<base64 of 32 bytes>`)
  }
  return { id, bytes: Buffer.from(bytes, 'base64') }
}

async function readIfThere(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}
