import { createMutex, type Mutex } from '#files/mutex.ts'

/** How a worker asks the primary process for keys. */
export type MutexChannel = {
  hold(id: number, keys: readonly string[]): void
  release(id: number): void
  /** `granted` is called with the id of each hold that was given. */
  onGranted(granted: (id: number) => void): void
}

/** A mutex that all workers of a server share. Those who want the same keys in this process wait here. */
export function createSharedMutex(channel: MutexChannel): Mutex {
  const here = createMutex()
  const waiting = new Map<number, () => void>()
  let last = 0
  channel.onGranted((id) => {
    waiting.get(id)?.()
    waiting.delete(id)
  })
  return {
    async hold(keys) {
      const held = await here.hold(keys)
      const id = ++last
      await new Promise<void>((resolve) => {
        waiting.set(id, resolve)
        channel.hold(id, keys)
      })
      return {
        [Symbol.dispose]() {
          channel.release(id)
          held[Symbol.dispose]()
        },
      }
    },
  }
}
