// A worker process: `startWorkers` in primary.ts forks it.
import { createLog, keepRunning } from '../log.ts'
import { StartError } from '../master-key.ts'
import { openChannel } from './channel.ts'
import { work } from './worker.ts'

const channel = openChannel()
// A terminal or a service manager may send them to all processes: the primary one says when to stop.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {})
const beginning = await channel.beginning
const log = createLog(beginning.config.logLevel).child({ worker: beginning.number })
keepRunning(log)
try {
  await work(beginning, channel, log)
  process.exit(0)
} catch (error) {
  if (!(error instanceof StartError)) log.error({ err: error }, 'a worker failed')
  await channel.failed(error instanceof Error ? error.message : String(error))
  process.exit(1)
}
