import type { Logger } from 'pino'
import type { Config } from './config.ts'
import type { DataFolder } from './data-folder.ts'
import { createMetrics } from './metrics.ts'
import { startMetricsListeners } from './metrics-listener.ts'
import type { RunningServer } from './running.ts'
import { identityDeps, startServing, stopDoors } from './serving.ts'
import { reloadsBySignal } from './tls.ts'

/** Serves in this process alone. Rejects with StartError. */
export async function startAlone(folder: DataFolder, config: Config, log: Logger): Promise<RunningServer> {
  await using stack = new AsyncDisposableStack()
  const metrics = createMetrics()
  const identity = identityDeps(folder, () => folder.records.changes.poll())
  const serving = await startServing(folder, config, { log, metrics, identity, reloads: reloadsBySignal })
  stack.use(serving)
  stack.use(
    await startMetricsListeners(config.metrics.listen, {
      scrape: () => metrics.scrape(serving.sources),
      contentType: metrics.contentType,
      log: log.child({ door: 'metrics' }),
    }),
  )
  const opened = stack.move()
  return {
    started: serving.doors,
    stop: () => stopDoors(serving.doors, config),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}
