import { type Caller, checkAlive, untilEnd } from '../caller.ts'
import type { Staged } from '../mount.ts'

/** Staged bytes, of a file or of a part. */
type Bytes = AsyncDisposable & Pick<Staged, 'write'>

/** Staged bytes in the hands of a door: counts what comes in, and belongs to the session until it is closed. */
export class Handle implements AsyncDisposable {
  readonly #caller: Caller
  readonly #staged: Bytes
  readonly #path: string
  #finishing: Promise<unknown> | undefined

  constructor(caller: Caller, staged: Bytes, path: string) {
    this.#caller = caller
    this.#staged = staged
    this.#path = path
    caller.activity.current = path
  }

  async write(chunks: readonly Uint8Array[], position: number): Promise<void> {
    checkAlive(this.#caller)
    await untilEnd(this.#caller, () => this.#staged.write(chunks, position))
    for (const chunk of chunks) this.#caller.activity.bytesIn += chunk.byteLength
  }

  /** Does the last work with the bytes, once, then closes. */
  finish<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#finishAndClose(work)
    this.#finishing ??= result
    return result
  }

  // Disposal behind a commit that was not awaited must not take the bytes away from it.
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#finishing === undefined) return this.#close()
    await this.#finishing.catch(() => {})
  }

  async #finishAndClose<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } finally {
      await this.#close()
    }
  }

  async #close(): Promise<void> {
    const { activity, staged } = this.#caller
    staged.delete(this.#staged)
    if (activity.current === this.#path) activity.current = null
    await this.#staged[Symbol.asyncDispose]()
  }
}
