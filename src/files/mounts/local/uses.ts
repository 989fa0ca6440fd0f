import { Fault } from '#faults'

/**
 * Counts what is going on with a descriptor: closing it under a running call would let the call reach whatever
 * gets its number next.
 */
export type Uses = {
  /** Fault `unavailable` after the end. */
  run<T>(work: () => Promise<T>): Promise<T>
  /** The same for a call that is over when it returns. */
  runNow<T>(work: () => T): T
  /** Lets nothing in any more and waits for what runs. True for the first caller, who then closes. */
  end(): Promise<boolean>
}

export function createUses(): Uses {
  let running = 0
  let ended = false
  const { promise: idle, resolve: becomeIdle } = Promise.withResolvers<void>()
  function checkOpen(): void {
    if (ended) throw new Fault('unavailable', 'the file is closed')
  }
  return {
    runNow(work) {
      checkOpen()
      return work()
    },
    async run(work) {
      checkOpen()
      running++
      try {
        return await work()
      } finally {
        running--
        if (ended && running === 0) becomeIdle()
      }
    },
    async end() {
      if (ended) {
        await idle
        return false
      }
      ended = true
      if (running === 0) becomeIdle()
      await idle
      return true
    },
  }
}
