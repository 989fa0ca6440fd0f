import { type Caller, checkAlive, untilEnd } from '../caller.ts'
import type { Staged } from '../mount.ts'
import type { Received, SocketDescriptor } from '../types.ts'

/** Staged bytes, of a file or of a part. */
type Bytes = AsyncDisposable & Pick<Staged, 'write' | 'receiveFrom'>

/** Staged bytes in the hands of a door: counts what comes in, and belongs to the session until it is closed. */
export type Handle = AsyncDisposable & {
  write(chunks: readonly Uint8Array[], position: number): Promise<void>
  receiveFrom?(socket: SocketDescriptor, position: number): Received
  /** Does the last work with the bytes, once, then closes. */
  finish<T>(work: () => Promise<T>): Promise<T>
}

export function handleOf(caller: Caller, staged: Bytes, path: string): Handle {
  const { activity } = caller
  let finishing: Promise<unknown> | undefined
  activity.current = path

  async function close(): Promise<void> {
    caller.staged.delete(staged)
    if (activity.current === path) activity.current = null
    await staged[Symbol.asyncDispose]()
  }

  async function finishAndClose<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } finally {
      await close()
    }
  }

  const receive = staged.receiveFrom?.bind(staged)
  return {
    ...(receive && {
      receiveFrom(socket, position) {
        checkAlive(caller)
        const received = receive(socket, position)
        if (typeof received === 'number') activity.bytesIn += received
        return received
      },
    }),
    async write(chunks, position) {
      checkAlive(caller)
      await untilEnd(caller, () => staged.write(chunks, position))
      for (const chunk of chunks) activity.bytesIn += chunk.byteLength
    },
    finish(work) {
      const result = finishAndClose(work)
      finishing ??= result
      return result
    },
    // Disposal behind a commit that was not awaited must not take the bytes away from it.
    async [Symbol.asyncDispose]() {
      if (finishing === undefined) return close()
      await finishing.catch(() => {})
    },
  }
}
