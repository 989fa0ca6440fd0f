import { setImmediate as nextTurn } from 'node:timers/promises'
import { Fault } from '#faults'
import type { AuditEntry, DurableAuditLog } from './ports.ts'

/** Gathers entries and writes them together. `flush` resolves when all that was recorded is on disk. */
export type AuditWriter = DurableAuditLog & AsyncDisposable & { flush(): Promise<void> }

type Waiting = { readonly entry: AuditEntry; written(): void; failed(error: unknown): void }

const BATCH_MS = 50
const MAX_HELD = 100_000

/**
 * Entries are on disk within 100 ms, those of `recordNow` before it resolves. When writing fails, what waits
 * for it is refused, and the others are held and tried again with the next batch; beyond 100,000 held entries
 * the newest are given to `onError` instead of growing without bound.
 */
export function createAuditWriter(
  append: (entries: readonly AuditEntry[]) => Promise<void>,
  onError: (error: unknown, lost: readonly AuditEntry[]) => void,
): AuditWriter {
  let held: AuditEntry[] = []
  let waiting: Waiting[] = []
  let timer: NodeJS.Timeout | undefined
  let writing: Promise<void> = Promise.resolve()
  let flushing = false

  async function writeHeld(): Promise<void> {
    if (held.length === 0 && waiting.length === 0) return
    const batch = held
    const now = waiting
    held = []
    waiting = []
    try {
      await append([...batch, ...now.map(({ entry }) => entry)])
      for (const { written } of now) written()
    } catch (error) {
      const kept = [...batch, ...held]
      held = kept.slice(0, MAX_HELD)
      onError(error, kept.slice(MAX_HELD))
      for (const { failed } of now) failed(error)
      if (held.length > 0) schedule()
    }
  }

  function flush(): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    writing = writing.then(writeHeld)
    return writing
  }

  function schedule(): void {
    timer ??= setTimeout(() => void flush(), BATCH_MS)
  }

  // Those of one turn of the event loop share a commit, and so do those that come during a commit.
  async function flushSoon(): Promise<void> {
    if (flushing) return
    flushing = true
    await nextTurn()
    await writing
    flushing = false
    await flush()
  }

  return {
    record(entry) {
      held.push(entry)
      schedule()
    },
    recordNow(entry) {
      return new Promise((written, refuse) => {
        const failed = (cause: unknown) =>
          refuse(new Fault('unavailable', 'the audit is not available', { cause }))
        waiting.push({ entry, written, failed })
        void flushSoon()
      })
    },
    flush,
    async [Symbol.asyncDispose]() {
      await flush()
      clearTimeout(timer)
    },
  }
}
