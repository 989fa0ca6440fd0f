import type { Clock } from '#credentials/ports.ts'

export type Retention = AsyncDisposable & {
  /** Prunes now. */
  run(): Promise<void>
}

const HOUR_MS = 3_600_000

/**
 * Prunes entries older than `keep` milliseconds at the start and each hour; null keeps all for ever. `prune`
 * takes away a part and tells how many entries that were.
 */
export function keepAudit(
  keep: number | null,
  {
    prune,
    clock,
    onError,
  }: {
    readonly prune: (before: number) => Promise<number>
    readonly clock: Clock
    readonly onError: (error: unknown) => void
  },
): Retention {
  let stopped = keep === null
  let running: Promise<void> = Promise.resolve()

  async function pass(): Promise<void> {
    try {
      while (!stopped && keep !== null && (await prune(clock.now() - keep)) > 0);
    } catch (error) {
      onError(error)
    }
  }

  function run(): Promise<void> {
    running = running.then(pass)
    return running
  }

  const timer = keep === null ? undefined : setInterval(() => void run(), HOUR_MS)
  timer?.unref()
  void run()
  return {
    run,
    async [Symbol.asyncDispose]() {
      stopped = true
      clearInterval(timer)
      await running
    },
  }
}
