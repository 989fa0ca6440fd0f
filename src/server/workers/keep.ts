import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { Config } from '../config.ts'
import type { Member } from './crew.ts'
import type { Started } from './messages.ts'

export type KeepDeps = {
  readonly config: Config
  readonly log: Logger
  /** Starts a process. */
  readonly join: (number: number) => Member
  /** Those whose process lives. */
  readonly members: () => readonly Member[]
  /** A worker is gone. Does not reject. */
  readonly after: (gone: Member) => Promise<void>
}

export type KeptWorkers = {
  /** Of the first one, which has every door. */
  readonly started: Started
  /** Resolves when all have ended by themselves. */
  stop(): Promise<void>
  /** Ends them without waiting for what they do. */
  kill(): Promise<void>
}

/** A worker that lived for so long starts again at once; one that did not waits, longer each time. */
const STEADY_MS = 10_000
const FIRST_WAIT_MS = 100
const LONGEST_WAIT_MS = 10_000

/** Starts all workers, and again each that ends. Rejects as the first that cannot start. */
export async function keepWorkers({ config, log, join, members, after }: KeepDeps): Promise<KeptWorkers> {
  const stopping = new AbortController()
  let kept = config
  const begin = (number: number) => {
    const member = join(number)
    member.tell({ kind: 'begin', beginning: { number, config: kept } })
    return member
  }

  async function keep(first: Member): Promise<void> {
    let failures = 0
    for (let member = first; ; member = begin(first.number)) {
      const bornAt = performance.now()
      await member.started.then(
        () => failures > 0 && log.info({ worker: member.number }, 'a worker serves again'),
        (error) => log.error({ worker: member.number, err: error }, 'a worker could not start'),
      )
      const how = await member.ended
      await after(member)
      if (stopping.signal.aborted) return
      failures = performance.now() - bornAt > STEADY_MS ? 1 : failures + 1
      log.error({ worker: member.number, how }, 'a worker ended: another takes its place')
      const wait = Math.min(FIRST_WAIT_MS * 2 ** (failures - 1), LONGEST_WAIT_MS)
      await delay(wait, undefined, { signal: stopping.signal, ref: false }).catch(() => {})
      if (stopping.signal.aborted) return
    }
  }

  const end = async (how: (member: Member) => void, over: Promise<unknown>) => {
    stopping.abort()
    for (const member of members()) how(member)
    await over
  }
  const kill = (member: Member) => member.kill()
  const firsts = Array.from({ length: config.workers }, (_, index) => begin(index + 1))
  const starting = Promise.all(firsts.map((member) => member.started))
  const [started] = await starting.catch(async (error: unknown) => {
    await end(kill, Promise.all(firsts.map((member) => member.ended)))
    throw error
  })
  if (started === undefined) throw new Error('there are no workers')
  kept = withPortsOfRest(config, started)
  const running = Promise.all(firsts.map(keep))
  return {
    started,
    stop: () => end((member) => member.tell({ kind: 'stop' }), running),
    kill: () => end(kill, running),
  }
}

/** Where one process alone listens, a free port would be another one after its end. */
function withPortsOfRest(config: Config, { listeners }: Started): Config {
  const ports = listeners
    .filter((one) => one.startsWith('rest '))
    .map((one) => Number(one.slice(one.lastIndexOf(':') + 1)))
  const listen = config.rest.listen.map((one, index) => ({ ...one, port: ports[index] ?? one.port }))
  return { ...config, rest: { ...config.rest, listen } }
}
