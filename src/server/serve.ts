import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Logger } from 'pino'
import { resealAll } from '#credentials/resealing.ts'
import { cleanExpiredKeys } from '#identity/clean-keys.ts'
import { holdProcessLock, leadProcessLock } from '#records/process-lock.ts'
import { startAlone } from './alone.ts'
import { announce } from './announce.ts'
import { type Config, ConfigError, parseConfig, withFreePorts } from './config.ts'
import { type DataFolder, LOCK_FILE, openDataFolder } from './data-folder.ts'
import { prepareDemo, writeDemoFile } from './demo.ts'
import { prepareFirstStart } from './first-start.ts'
import { hourly } from './hourly.ts'
import { createLog, keepRunning } from './log.ts'
import { StartError } from './master-key.ts'
import { writePrivateFile } from './private-file.ts'
import { identityDeps, systemClock } from './serving.ts'
import { startWorkers } from './workers/primary.ts'

type ServeArguments = { config: Config; demo: boolean; freePorts: boolean }

const ADDRESSES_FILE = 'addresses.json'

/** `latchkey serve`: runs until SIGTERM or SIGINT; resolves with the exit code. */
export async function serve(argv: readonly string[]): Promise<number> {
  try {
    return await run(await readArguments(argv))
  } catch (error) {
    if (!(error instanceof StartError || error instanceof ConfigError)) throw error
    process.stderr.write(`latchkey: cannot start\n${error.message}\n`)
    return error instanceof ConfigError ? 2 : 1
  }
}

async function readArguments(argv: readonly string[]): Promise<ServeArguments> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      config: { type: 'string' },
      data: { type: 'string' },
      demo: { type: 'boolean', default: false },
      'free-ports': { type: 'boolean', default: false },
    },
  })
  const file = values.config
  const text = file === undefined ? '' : await readConfigFile(file)
  const read = parseConfig(text, file ?? 'defaults')
  const placed = { ...read, data: values.data ?? process.env.LATCHKEY_DATA ?? read.data }
  const freePorts = values['free-ports']
  return { config: freePorts ? withFreePorts(placed) : placed, demo: values.demo, freePorts }
}

async function readConfigFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch {
    throw new StartError(`the configuration file ${file} cannot be read`)
  }
}

async function run({ config, demo, freePorts }: ServeArguments): Promise<number> {
  const log = createLog(config.logLevel)
  keepRunning(log)
  await using folder = await openDataFolder(config.data, {
    clock: systemClock,
    create: true,
    masterKeys: process.env.LATCHKEY_MASTER_KEY,
  })
  // A second server would sweep away what the first one is staging.
  const lockFile = join(folder.path, LOCK_FILE)
  const { workers } = config
  using lock = workers === 1 ? holdProcessLock(lockFile) : await leadProcessLock(lockFile)
  if (lock === null) throw new StartError(`another Latchkey server is running on ${folder.path}`)
  const identity = identityDeps(folder, () => folder.records.changes.poll())
  const first = await prepareFirstStart(identity, folder.path)
  const demoKeys = demo ? await prepareDemo(identity, folder.path) : null

  const stopping = stopSignal()
  await using server = await (workers === 1 ? startAlone : startWorkers)(folder, config, log)
  const { addresses } = server.started
  await using _cleaner = hourly(
    () => cleanExpiredKeys(identity),
    (error) => log.warn({ err: error }, 'expired keys could not be removed'),
  )
  const resealing = resealSecrets(folder, log)
  const { region } = config.s3
  if (freePorts) {
    await writePrivateFile(folder.path, ADDRESSES_FILE, JSON.stringify(addresses, null, 2))
  }
  if (demoKeys !== null) await writeDemoFile(folder.path, addresses, region, demoKeys)
  const { path: dataDir } = folder
  const console = config.console.enabled
  process.stdout.write(announce({ doors: server.started, first, demo: demoKeys, region, dataDir, console }))
  process.stdout.write('ready\n')
  log.info({ signal: await stopping }, 'stopping')
  await server.stop()
  await resealing
  return 0
}

/** Another master key may have been put in front of the old one since the last start. */
async function resealSecrets({ records, sealer }: DataFolder, log: Logger): Promise<void> {
  try {
    const count = await resealAll(records.sealed, sealer)
    if (count > 0) log.info({ count }, 'secrets were sealed again under the current master key')
  } catch (error) {
    log.error({ err: error }, 'secrets could not be sealed again')
  }
}

function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT']) {
      process.once(signal, () => {
        resolve(signal)
        // Asked twice, it ends without waiting.
        process.once(signal, () => process.exit(1))
      })
    }
  })
}
