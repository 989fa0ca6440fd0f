import type { Worker } from 'node:cluster'
import type { Started, ToPrimary, ToWorker } from './messages.ts'
import type { MutexServer } from './mutex-server.ts'
import { createQuestions, type Questions } from './questions.ts'

/** A worker as the primary process knows it. */
export type Member = {
  /** Of its process; never used again. */
  readonly id: number
  readonly number: number
  /** Resolves when it serves. Rejects with what it said, or when it ended before. */
  readonly started: Promise<Started>
  /** Resolves when its process is gone, with its exit code or the signal that ended it. */
  readonly ended: Promise<string>
  tell(message: ToWorker): void
  kill(): void
}

/** The workers that serve now, and what goes back and forth between them. */
export type Crew = {
  /** Takes a new process in. */
  join(worker: Worker, number: number): Member
  members(): readonly Member[]
  /** Asks all that serve, but one. Fault unavailable when one does not answer. */
  ask(topic: string, question: string, except?: number): Promise<readonly string[]>
}

type Place = {
  readonly member: Member
  readonly starting: PromiseWithResolvers<Started>
  readonly questions: Questions<readonly string[]>
  serves: boolean
}

/** `makeError`: of a start that failed, from the reason that the worker gave; null when it gave none. */
export function createCrew(mutex: MutexServer, makeError: (reason: string | null) => Error): Crew {
  const places = new Map<number, Place>()

  async function ask(topic: string, question: string, except?: number): Promise<readonly string[]> {
    const others = [...places.values()].filter(({ member, serves }) => serves && member.id !== except)
    const answers = others.map(({ member, questions }) =>
      questions.ask((id) => member.tell({ kind: 'asked', id, topic, question })),
    )
    return (await Promise.all(answers)).flat()
  }

  async function relay({ member }: Place, id: number, topic: string, question: string): Promise<void> {
    const answers = await ask(topic, question, member.id).catch(() => null)
    member.tell({ kind: 'answers', id, answers })
  }

  function hear(place: Place, message: ToPrimary): void {
    const { member, questions, starting } = place
    if (message.kind === 'hold') {
      mutex.hold(member.id, message.id, message.keys, () => member.tell({ kind: 'granted', id: message.id }))
    } else if (message.kind === 'release') mutex.release(member.id, message.id)
    else if (message.kind === 'ask') void relay(place, message.id, message.topic, message.question)
    else if (message.kind === 'started') {
      place.serves = true
      starting.resolve(message.started)
    } else if (message.kind === 'failed') starting.reject(makeError(message.reason))
    else if (message.answers === null) questions.failed(message.id)
    else questions.answered(message.id, message.answers)
  }

  return {
    ask,
    members: () => [...places.values()].map(({ member }) => member),
    join(worker, number) {
      const starting = Promise.withResolvers<Started>()
      const ended = Promise.withResolvers<string>()
      starting.promise.catch(() => {})
      const member: Member = {
        id: worker.id,
        number,
        started: starting.promise,
        ended: ended.promise,
        tell(message) {
          if (worker.isConnected()) worker.send(message)
        },
        kill: () => void worker.process.kill('SIGKILL'),
      }
      const place: Place = { member, starting, questions: createQuestions(), serves: false }
      places.set(worker.id, place)
      worker.on('message', (message: ToPrimary) => hear(place, message))
      const leave = (how: string) => {
        places.delete(worker.id)
        place.questions.end([])
        starting.reject(makeError(null))
        ended.resolve(how)
      }
      worker.once('exit', (code, signal) => leave(signal ?? String(code)))
      worker.on('error', () => {
        // It never became a process: there is no exit.
        if (worker.process.pid === undefined) leave('no process')
      })
      return member
    },
  }
}
