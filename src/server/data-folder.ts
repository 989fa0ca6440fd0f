import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { headSeal } from '#audit/chain.ts'
import type { Clock } from '#credentials/ports.ts'
import { createSealer, type MasterKeys, type Sealer } from '#credentials/sealing.ts'
import { newPepper, type Pepper, pepperFrom } from '#credentials/values.ts'
import { openSqlite, type Records } from '#records/open.ts'
import { MASTER_KEY_FILE, makeMasterKey, readMasterKeys, StartError } from './master-key.ts'

/** The opened data folder: records, and what guards the secrets in them. */
export type DataFolder = AsyncDisposable & {
  readonly path: string
  readonly records: Records
  readonly sealer: Sealer
  readonly pepper: Pepper
}

const DATABASE_FILE = 'latchkey.db'
/** In the data folder: who holds it serves. */
export const LOCK_FILE = 'server.lock'
const PEPPER = 'pepper'

export type OpenOptions = {
  readonly clock: Clock
  /** True: an empty or missing folder is made ready. False: StartError when nothing is there. */
  readonly create: boolean
  /** The environment's LATCHKEY_MASTER_KEY. */
  readonly masterKeys?: string | undefined
}

/** Opens a data folder. Throws StartError when its master key is missing or does not fit. */
export async function openDataFolder(folder: string, options: OpenOptions): Promise<DataFolder> {
  const path = resolve(folder)
  const database = join(path, DATABASE_FILE)
  const isNew = !existsSync(database)
  if (isNew && !options.create) {
    throw new StartError(`there is no Latchkey data in ${path}: \`latchkey serve --data ${folder}\` makes it`)
  }
  await mkdir(path, { recursive: true, mode: 0o700 })
  const keys = await masterKeysFor(path, isNew, options.masterKeys)
  const records = await openSqlite(database, { clock: options.clock })
  try {
    const sealer = createSealer(() => readMasterKeys(path, options.masterKeys) ?? keys)
    const pepper = await openPepper(records, sealer)
    records.audit.sealWith(headSeal(pepper))
    return {
      path,
      records,
      sealer,
      pepper,
      [Symbol.asyncDispose]: () => records[Symbol.asyncDispose](),
    }
  } catch (error) {
    await records[Symbol.asyncDispose]()
    throw error
  }
}

async function masterKeysFor(path: string, isNew: boolean, text: string | undefined): Promise<MasterKeys> {
  const keys = readMasterKeys(path, text)
  if (keys !== null) return keys
  // A new key over existing data would lose every S3 secret and every value without a word.
  if (!isNew) {
    throw new StartError(
      `the master key is missing: put ${MASTER_KEY_FILE} back into ${path}, or its content into LATCHKEY_MASTER_KEY`,
    )
  }
  return [await makeMasterKey(path)]
}

async function openPepper(records: Records, sealer: Sealer): Promise<Pepper> {
  const sealed = await records.secrets.get(PEPPER)
  if (sealed === null) {
    const pepper = newPepper()
    await records.secrets.put(PEPPER, sealer.seal(pepper, PEPPER))
    return pepperFrom(pepper)
  }
  try {
    return pepperFrom(sealer.open(sealed, PEPPER))
  } catch (error) {
    const detail = error instanceof Error ? error.message : ''
    throw new StartError(`the master key does not fit this database: ${detail}`)
  }
}
