import type { ChangeFeed } from '#credentials/ports.ts'
import { keepTrashClean } from './keep-trash.ts'

/** Ends lost uploads each hour, and whenever a key, user or site changed: those that were revoked go at once. */
export function keepLostEnded(
  end: () => Promise<number>,
  changes: Pick<ChangeFeed, 'subscribe'>,
  onError: (error: unknown) => void,
): AsyncDisposable {
  const running = new Set<Promise<unknown>>()
  let stopped = false
  changes.subscribe(({ kind }) => {
    if (stopped || kind === 'session' || kind === 'mounts') return
    const ending = end().catch(onError)
    running.add(ending)
    void ending.finally(() => running.delete(ending))
  })
  const hourly = keepTrashClean(async () => ({ removed: await end(), more: false }), onError)
  return {
    async [Symbol.asyncDispose]() {
      stopped = true
      await Promise.all(running)
      await hourly[Symbol.asyncDispose]()
    },
  }
}
