import type { AuditEntry, AuditLog } from './ports.ts'

/** Gathers entries and writes them together. `flush` resolves when all that was recorded is on disk. */
export type AuditWriter = AuditLog & AsyncDisposable & { flush(): Promise<void> }

const BATCH_MS = 50
const MAX_HELD = 100_000

/**
 * Entries are on disk within 100 ms. When writing fails they are held and tried again with the next batch;
 * beyond 100,000 held entries the newest are given to `onError` instead of growing without bound.
 */
export function createAuditWriter(
  append: (entries: readonly AuditEntry[]) => Promise<void>,
  onError: (error: unknown, lost: readonly AuditEntry[]) => void,
): AuditWriter {
  let held: AuditEntry[] = []
  let timer: NodeJS.Timeout | undefined
  let writing: Promise<void> = Promise.resolve()

  async function writeHeld(): Promise<void> {
    if (held.length === 0) return
    const batch = held
    held = []
    try {
      await append(batch)
    } catch (error) {
      const kept = [...batch, ...held]
      held = kept.slice(0, MAX_HELD)
      onError(error, kept.slice(MAX_HELD))
      schedule()
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

  return {
    record(entry) {
      held.push(entry)
      schedule()
    },
    flush,
    async [Symbol.asyncDispose]() {
      await flush()
      clearTimeout(timer)
    },
  }
}
