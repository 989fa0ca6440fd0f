import type { Cleaning } from './clean-trash.ts'

const HOUR_MS = 3_600_000
const SOON_MS = 10_000

/** Runs the trash cleaner now, then each hour; again soon where a run was not done. Disposal waits for a run. */
export function keepTrashClean(
  clean: () => Promise<Cleaning>,
  onError: (error: unknown) => void,
): AsyncDisposable {
  let timer: NodeJS.Timeout | undefined
  let stopped = false
  let running: Promise<void> = run()

  async function run(): Promise<void> {
    let wait = HOUR_MS
    try {
      if ((await clean()).more) wait = SOON_MS
    } catch (error) {
      onError(error)
    }
    if (stopped) return
    timer = setTimeout(() => {
      running = run()
    }, wait)
    timer.unref()
  }

  return {
    async [Symbol.asyncDispose]() {
      stopped = true
      clearTimeout(timer)
      await running
    },
  }
}
