import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Logger } from 'pino'
import { createForesee } from '#credentials/foresee.ts'
import { resealAll } from '#credentials/resealing.ts'
import { cleanExpiredKeys } from '#identity/clean-keys.ts'
import { cryptoInUse } from '#protocols/sftp/native.ts'
import { holdProcessLock } from '#records/process-lock.ts'
import { announce } from './announce.ts'
import { type Config, ConfigError, parseConfig, withFreePorts } from './config.ts'
import { createCore } from './core.ts'
import { openDataFolder } from './data-folder.ts'
import { prepareDemo, writeDemoFile } from './demo.ts'
import { type RunningDoors, startDoors } from './doors.ts'
import { prepareFirstStart } from './first-start.ts'
import { openHostKeys } from './host-key.ts'
import { hourly } from './hourly.ts'
import { createLog } from './log.ts'
import { StartError } from './master-key.ts'
import { createMetrics } from './metrics.ts'
import { startMetricsListeners } from './metrics-listener.ts'
import { mountFolders } from './mount-folders.ts'
import { writePrivateFile } from './private-file.ts'
import { openCertificates } from './tls.ts'

type ServeArguments = { config: Config; demo: boolean; freePorts: boolean }

const LOCK_FILE = 'server.lock'
const ADDRESSES_FILE = 'addresses.json'
const clock = { now: () => Date.now() }

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
    clock,
    create: true,
    masterKeys: process.env.LATCHKEY_MASTER_KEY,
  })
  // A second server would sweep away what the first one is staging.
  using lock = holdProcessLock(join(folder.path, LOCK_FILE))
  if (lock === null) throw new StartError(`another Latchkey server is running on ${folder.path}`)
  const { identity: store } = folder.records
  const { pepper, sealer, records } = folder
  const { audit, liveSessions } = records
  const changed = () => records.changes.poll()
  const newFolder = mountFolders(folder.path)
  const identity = { store, audit, liveSessions, pepper, sealer, clock, changed, newFolder }
  const first = await prepareFirstStart(identity, folder.path)
  const demoKeys = demo ? await prepareDemo(identity, folder.path) : null
  log.info({ crypto: cryptoInUse() }, `SSH crypto in use: ${cryptoInUse()}`)

  const stopping = stopSignal()
  using certificates = await openCertificates(config, log)
  const metrics = createMetrics()
  await using core = await createCore(folder, {
    ...config,
    uploadDays: config.s3.uploadDays,
    browserLimits: config.console,
    lostLimits: { time: config.sftp.keepLost, bytes: config.sftp.keepLostBytes },
    clock,
    log,
    observer: metrics.observer,
  })
  await using _metrics = await startMetricsListeners(config.metrics.listen, {
    metrics,
    sources: {
      sessions: core.gate.sessions.list,
      feedAge: records.changes.staleFor,
      nativeCrypto: cryptoInUse() === 'native',
    },
    log: log.child({ door: 'metrics' }),
  })
  using hostKeys = await openHostKeys(folder.path, (error) =>
    log.error({ err: error }, 'changed SSH host keys could not be read'),
  )
  const doors = await startDoors(config, {
    gate: core.gate,
    people: core.gate.people,
    identity: { ...identity, foresee: createForesee({ store: records.credentials, files: core.files }) },
    hostKeys: hostKeys.now,
    certificates,
    siteId: async (name) => (await store.siteByName(name))?.id ?? null,
    log: (door) => log.child({ door }),
  })
  await using _cleaner = hourly(
    () => cleanExpiredKeys(identity),
    (error) => log.warn({ err: error }, 'expired keys could not be removed'),
  )
  // Another master key may have been put in front of the old one since the last start.
  const resealing = resealAll(folder.records.sealed, folder.sealer).then(
    (count) => count > 0 && log.info({ count }, 'secrets were sealed again under the current master key'),
    (error) => log.error({ err: error }, 'secrets could not be sealed again'),
  )
  const { region } = config.s3
  if (freePorts) {
    await writePrivateFile(folder.path, ADDRESSES_FILE, JSON.stringify(doors.addresses, null, 2))
  }
  if (demoKeys !== null) await writeDemoFile(folder.path, doors.addresses, region, demoKeys)
  process.stdout.write(
    announce({ doors, first, demo: demoKeys, region, dataDir: folder.path, console: config.console.enabled }),
  )
  process.stdout.write('ready\n')
  log.info({ signal: await stopping }, 'stopping')
  await stop(doors, config.stopGrace)
  await resealing
  return 0
}

async function stop(doors: RunningDoors, grace: number): Promise<void> {
  await doors.stop(grace === 0 ? AbortSignal.abort() : AbortSignal.timeout(grace))
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

// The last net: a fault that escaped every handler is logged, and everybody else's transfers go on.
function keepRunning(log: Logger): void {
  process.on('uncaughtException', (error, origin) => log.error({ err: error, origin }, 'escaped error'))
}
