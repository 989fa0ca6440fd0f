import cluster from 'node:cluster'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Logger } from 'pino'
import { createMutex, type Mutex } from '#files/mutex.ts'
import { createFileService, type FileService } from '#files/service.ts'
import { cryptoInUse } from '#protocols/sftp/native.ts'
import type { Config } from '../config.ts'
import { openAudit } from '../core.ts'
import type { DataFolder } from '../data-folder.ts'
import { openHostKeys } from '../host-key.ts'
import { StartError } from '../master-key.ts'
import { createMetrics, type Metrics } from '../metrics.ts'
import { startMetricsListeners } from '../metrics-listener.ts'
import type { RunningServer } from '../running.ts'
import { coreOptions } from '../serving.ts'
import { startTending } from '../tending.ts'
import { reloadsBySignal } from '../tls.ts'
import { type Crew, createCrew } from './crew.ts'
import { keepWorkers } from './keep.ts'
import { createMetricSum, METRICS } from './metrics.ts'
import { createMutexServer } from './mutex-server.ts'

/** Between the end of the time that transfers have and the end of workers that did not end by themselves. */
const STUCK_MS = 10_000

/**
 * Serves in as many processes as are configured. This one serves nobody: it tends records and storages, lets the
 * others agree, and starts them again. Rejects with StartError.
 */
export async function startWorkers(folder: DataFolder, config: Config, log: Logger): Promise<RunningServer> {
  await using stack = new AsyncDisposableStack()
  // Made now if they are missing: workers would each make their own.
  const hostKeys = await openHostKeys(folder.path, () => {})
  hostKeys[Symbol.dispose]()
  const metrics = createMetrics()
  const mutex = createMutex()
  const server = createMutexServer(mutex)
  const crew = createCrew(server, (reason) => new StartError(reason ?? 'a worker process ended'))
  const files = stack.use(openFiles(folder, config, { log, metrics, mutex, crew, stack }))
  const { records } = folder
  stack.use(await startTending({ files, records, log, ...coreOptions(config) }))
  cluster.setupPrimary({ exec: fileURLToPath(new URL('./entry.ts', import.meta.url)), args: [] })
  const workers = await keepWorkers({
    config,
    log,
    join: (number) => crew.join(cluster.fork(), number),
    members: crew.members,
    after: (gone) => recover(files, () => server.releaseAll(gone.id), log),
  })
  stack.defer(workers.kill)
  stack.use(
    reloadsBySignal(() => {
      for (const member of crew.members()) member.tell({ kind: 'reload' })
    }),
  )
  const own = () => metrics.read(ownSources(folder))
  stack.use(
    await startMetricsListeners(config.metrics.listen, {
      scrape: createMetricSum(() => crew.ask(METRICS, ''), own),
      contentType: metrics.contentType,
      log: log.child({ door: 'metrics' }),
    }),
  )
  const opened = stack.move()
  return {
    started: workers.started,
    async stop() {
      await Promise.race([workers.stop(), delay(config.stopGrace + STUCK_MS, undefined, { ref: false })])
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

type Parts = {
  readonly log: Logger
  readonly metrics: Metrics
  readonly mutex: Mutex
  readonly crew: Crew
  readonly stack: AsyncDisposableStack
}

/** The files for tending them; nobody is served from here. */
function openFiles(
  { records }: DataFolder,
  config: Config,
  { log, metrics, mutex, crew, stack }: Parts,
): FileService {
  const { clock, uploadDays, lostLimits } = coreOptions(config)
  const audit = stack.use(openAudit(records.audit.append, { log, observer: metrics.observer }))
  const neighbours = { ask: (topic: string, question: string) => crew.ask(topic, question), answer() {} }
  return createFileService({ ...records, clock, audit, log, uploadDays, lostLimits, mutex, neighbours })
}

/** After a worker died: what it left half done is put right before others get the paths that it held. */
async function recover(files: FileService, release: () => void, log: Logger): Promise<void> {
  await files
    .restore()
    .catch((error) => log.error({ err: error }, 'what a worker left could not be put right'))
  release()
  await files.sweepStaging().catch((error) => log.warn({ err: error }, 'staging could not be swept'))
}

function ownSources({ records }: DataFolder) {
  return {
    sessions: () => [],
    feedAge: records.changes.staleFor,
    nativeCrypto: cryptoInUse() === 'native',
  }
}
