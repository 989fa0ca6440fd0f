import { open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Fault } from '#faults'

/** Resolves when all that was committed before the call is on disk. Fault: unavailable. */
export type Sync = () => Promise<void>

/** Disposal closes the file. */
export type WalSync = AsyncDisposable & { readonly sync: Sync }

/**
 * SQLite's own sync at a commit blocks the event loop; here the write-ahead log is synced by a thread, once for
 * all who wait. The log must be there, and stays the same file as long as one connection is open
 * (https://sqlite.org/wal.html, "Synchronous mode NORMAL": checkpoints sync by themselves).
 */
export async function openWalSync(database: string): Promise<WalSync> {
  const log = await open(`${database}-wal`, 'r')
  await syncFolder(dirname(database))
  return {
    sync: shared(() => log.datasync()),
    [Symbol.asyncDispose]: () => log.close(),
  }
}

/** A call that comes while one is under way waits for the next: the one under way may miss its commit. */
export function shared(datasync: () => Promise<void>): Sync {
  let running: Promise<void> | undefined
  let next: Promise<void> | undefined

  async function run(): Promise<void> {
    try {
      await datasync()
    } catch (error) {
      throw new Fault('unavailable', 'the database could not be written to disk', { cause: error })
    } finally {
      running = undefined
    }
  }

  function start(): Promise<void> {
    next = undefined
    running = run()
    return running
  }

  return () => {
    if (running === undefined) return start()
    next ??= running.then(start, start)
    return next
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
