const HOUR_MS = 3_600_000

/** Runs a job now and each hour. A run that fails is reported, and the next hour comes all the same. */
export function hourly(job: () => Promise<unknown>, onError: (error: unknown) => void): AsyncDisposable {
  let running = run()
  const timer = setInterval(() => {
    running = running.then(run)
  }, HOUR_MS)
  timer.unref()

  async function run(): Promise<void> {
    try {
      await job()
    } catch (error) {
      onError(error)
    }
  }

  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await running
    },
  }
}
