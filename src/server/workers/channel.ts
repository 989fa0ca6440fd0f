import cluster from 'node:cluster'
import type { Neighbours } from '#credentials/ports.ts'
import type { Mutex } from '#files/mutex.ts'
import type { Reloads } from '../tls.ts'
import type { Beginning, Started, ToPrimary, ToWorker } from './messages.ts'
import { createSharedMutex } from './mutex-client.ts'
import { createQuestions } from './questions.ts'

/** A worker's way to the primary process, and through it to the other workers. */
export type Channel = {
  /** Resolves when the primary process says how to begin. */
  readonly beginning: Promise<Beginning>
  /** Resolves when it asks to stop. */
  readonly stopping: Promise<void>
  readonly mutex: Mutex
  readonly neighbours: Neighbours
  readonly reloads: Reloads
  started(started: Started): void
  /** Resolves when the primary process was told. */
  failed(reason: string): Promise<void>
}

type Answerer = (question: string) => string | Promise<string>

/** Opens the channel of this process, which must be a worker. The process ends with the primary one. */
export function openChannel(): Channel {
  const { worker } = cluster
  if (worker === undefined) throw new Error('this is no worker process')
  const send = (message: ToPrimary) => void worker.send(message)
  const beginning = Promise.withResolvers<Beginning>()
  const stopping = Promise.withResolvers<void>()
  const questions = createQuestions<readonly string[]>()
  const answerers = new Map<string, Answerer[]>()
  const reloads = new Set<() => void>()
  let granted: (id: number) => void = () => {}

  async function answer(id: number, topic: string, question: string): Promise<void> {
    const asked = answerers.get(topic) ?? []
    try {
      send({ kind: 'answer', id, answers: await Promise.all(asked.map(async (one) => one(question))) })
    } catch {
      send({ kind: 'answer', id, answers: null })
    }
  }

  function hear(message: ToWorker): void {
    if (message.kind === 'begin') beginning.resolve(message.beginning)
    else if (message.kind === 'granted') granted(message.id)
    else if (message.kind === 'asked') void answer(message.id, message.topic, message.question)
    else if (message.kind === 'reload') for (const reload of reloads) reload()
    else if (message.kind === 'stop') stopping.resolve()
    else if (message.answers === null) questions.failed(message.id)
    else questions.answered(message.id, message.answers)
  }

  worker.on('message', hear)
  // Nobody would hold paths for this process, nor end it.
  worker.on('disconnect', () => process.exit(1))
  return {
    beginning: beginning.promise,
    stopping: stopping.promise,
    mutex: createSharedMutex({
      hold: (id, keys) => send({ kind: 'hold', id, keys }),
      release: (id) => send({ kind: 'release', id }),
      onGranted(listener) {
        granted = listener
      },
    }),
    neighbours: {
      ask: (topic, question) => questions.ask((id) => send({ kind: 'ask', id, topic, question })),
      answer(topic, answerer) {
        answerers.set(topic, [...(answerers.get(topic) ?? []), answerer])
      },
    },
    reloads(listener) {
      reloads.add(listener)
      return { [Symbol.dispose]: () => void reloads.delete(listener) }
    },
    started: (started) => send({ kind: 'started', started }),
    failed: (reason) =>
      new Promise((resolve) => {
        const message: ToPrimary = { kind: 'failed', reason }
        worker.send(message, () => resolve())
      }),
  }
}
