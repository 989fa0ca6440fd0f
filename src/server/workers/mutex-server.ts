import type { Mutex } from '#files/mutex.ts'

/** Lets workers hold the keys of a mutex of this process. A worker is known by the id of its process. */
export type MutexServer = {
  /** `granted` is called when all keys are held. What a worker that is gone still asked is not heard. */
  hold(worker: number, id: number, keys: readonly string[], granted: () => void): void
  release(worker: number, id: number): void
  /** The worker ended: others get what it held, and what it waited for. Its id never comes again. */
  releaseAll(worker: number): void
}

type Holds = Map<number, Promise<Disposable>>

export function createMutexServer(mutex: Mutex): MutexServer {
  const workers = new Map<number, Holds | 'gone'>()

  function free(held: Promise<Disposable>): void {
    void held.then((holder) => holder[Symbol.dispose]())
  }

  function holdsOf(worker: number): Holds | null {
    const known = workers.get(worker) ?? new Map<number, Promise<Disposable>>()
    if (known === 'gone') return null
    workers.set(worker, known)
    return known
  }

  return {
    hold(worker, id, keys, granted) {
      const holds = holdsOf(worker)
      if (holds === null) return
      const held = mutex.hold(keys)
      holds.set(id, held)
      void held.then(() => {
        if (holds.has(id)) granted()
      })
    },
    release(worker, id) {
      const holds = holdsOf(worker)
      const held = holds?.get(id)
      if (held === undefined) return
      holds?.delete(id)
      free(held)
    },
    releaseAll(worker) {
      const holds = holdsOf(worker)
      workers.set(worker, 'gone')
      if (holds === null) return
      for (const held of holds.values()) free(held)
      holds.clear()
    },
  }
}
