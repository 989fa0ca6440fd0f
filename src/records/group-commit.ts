import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Kysely, Transaction } from 'kysely'
import { Fault } from '#faults'
import type { Database } from './schema.ts'

/** A change that may be run again after its transaction was rolled back. */
export type Work<T> = (trx: Transaction<Database>) => Promise<T>

/** Runs a change and resolves when it is durable. */
export type Write = <T>(work: Work<T>) => Promise<T>

type Job = {
  attempt(trx: Transaction<Database>): Promise<void>
  accept(): void
  refuse(error: unknown): void
}

const JOBS_AT_ONCE = 256

/**
 * Changes that come in the same turn of the event loop share one transaction: a commit costs a sync of the
 * disk, which would otherwise be paid, and block the loop, for each. A change that fails fails alone.
 */
export function groupCommit(db: Kysely<Database>): Write {
  const waiting: Job[] = []
  let running = false

  async function drain(): Promise<void> {
    running = true
    while (waiting.length > 0) {
      await nextTurn()
      await commit(db, waiting.splice(0, JOBS_AT_ONCE))
    }
    running = false
  }

  return (work) =>
    new Promise((resolve, reject) => {
      waiting.push(jobOf(work, resolve, reject))
      if (!running) void drain()
    })
}

function jobOf<T>(work: Work<T>, resolve: (result: T) => void, refuse: (error: unknown) => void): Job {
  let accept = () => {}
  return {
    attempt: async (trx) => {
      const result = await work(trx)
      accept = () => resolve(result)
    },
    accept: () => accept(),
    refuse,
  }
}

async function commit(db: Kysely<Database>, jobs: readonly Job[]): Promise<void> {
  try {
    await db.transaction().execute(async (trx) => {
      for (const job of jobs) await job.attempt(trx)
    })
  } catch (error) {
    const hopeless = error instanceof Fault && error.code === 'unavailable'
    if (hopeless || jobs.length === 1) for (const job of jobs) job.refuse(error)
    else for (const job of jobs) await commit(db, [job])
    return
  }
  for (const job of jobs) job.accept()
}
