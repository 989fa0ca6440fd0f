import { join } from 'node:path'
import type { Logger } from 'pino'
import { shareProcessLock } from '#records/process-lock.ts'
import type { Config } from '../config.ts'
import type { Shares } from '../core.ts'
import { LOCK_FILE, openDataFolder } from '../data-folder.ts'
import { StartError } from '../master-key.ts'
import { createMetrics } from '../metrics.ts'
import { identityDeps, startServing, stopDoors, systemClock } from '../serving.ts'
import type { Channel } from './channel.ts'
import type { Beginning } from './messages.ts'
import { METRICS, metricsAnswer } from './metrics.ts'

/** The topic under which workers are asked to read what changed. */
export const CHANGES = 'changes'
/** Argon2id checks at once, of all workers together unless there are more workers. */
const PASSWORD_CHECKS = 2

/** Serves until the primary process asks to stop. Rejects with StartError. */
export async function work({ number, config: all }: Beginning, channel: Channel, log: Logger): Promise<void> {
  const config = ownConfig(all, number)
  await using folder = await openDataFolder(config.data, {
    clock: systemClock,
    create: false,
    masterKeys: process.env.LATCHKEY_MASTER_KEY,
  })
  using lock = shareProcessLock(join(folder.path, LOCK_FILE))
  if (lock === null) throw new StartError(`another Latchkey server is running on ${folder.path}`)
  const { changes } = folder.records
  const { neighbours, mutex, reloads } = channel
  neighbours.answer(CHANGES, async () => {
    await changes.poll()
    return ''
  })
  const identity = identityDeps(folder, async () => {
    await changes.poll()
    await neighbours.ask(CHANGES, '')
  })
  const metrics = createMetrics()
  const shares: Shares = {
    mutex,
    neighbours,
    passwordChecks: Math.max(1, Math.floor(PASSWORD_CHECKS / config.workers)),
  }
  await using serving = await startServing(folder, config, { log, metrics, identity, reloads, shares })
  const { doors, sources } = serving
  neighbours.answer(METRICS, async () => metricsAnswer(process.pid, await metrics.read(sources)))
  channel.started({ addresses: doors.addresses, listeners: doors.listeners })
  await channel.stopping
  await stopDoors(doors, config)
}

/** The first worker alone serves REST: what resumable uploads and rates remember is in the memory of one process. */
function ownConfig(config: Config, number: number): Config {
  return number === 1 ? config : { ...config, rest: { ...config.rest, listen: [] } }
}
