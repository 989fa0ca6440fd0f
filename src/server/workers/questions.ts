import { Fault } from '#faults'

/** Questions that wait for answers from elsewhere, each with a number of its own. */
export type Questions<Answer> = {
  /** Sends a question under its number. Fault unavailable when no answer comes in time. */
  ask(send: (id: number) => void): Promise<Answer>
  answered(id: number, answer: Answer): void
  /** It could not be answered. */
  failed(id: number): void
  /** Nobody answers any more: all that is open has this answer. */
  end(answer: Answer): void
}

const PATIENCE_MS = 5_000

export function createQuestions<Answer>(patience = PATIENCE_MS): Questions<Answer> {
  type Open = { readonly resolve: (answer: Answer) => void; readonly reject: (error: Fault) => void }
  const open = new Map<number, Open>()
  let last = 0

  function take(id: number): Open | undefined {
    const question = open.get(id)
    open.delete(id)
    return question
  }

  const unanswered = () => new Fault('unavailable', 'another process of this server does not answer')
  return {
    async ask(send) {
      const id = ++last
      const { promise, resolve, reject } = Promise.withResolvers<Answer>()
      open.set(id, { resolve, reject })
      const timer = setTimeout(() => take(id)?.reject(unanswered()), patience)
      try {
        send(id)
        return await promise
      } finally {
        clearTimeout(timer)
      }
    },
    answered: (id, answer) => take(id)?.resolve(answer),
    failed: (id) => take(id)?.reject(unanswered()),
    end(answer) {
      for (const { resolve } of open.values()) resolve(answer)
      open.clear()
    },
  }
}
