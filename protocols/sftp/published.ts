import type { Entry, OpenFile } from '#files/types.ts'

/** The bytes behind a file handle. */
export type Content = {
  /** Fills as much of `target` as there is from `position`; 0 at the end. */
  read(target: Uint8Array, position: number): Promise<number>
  /** How much of `length` bytes from `position` there is, so that a small file gets a small buffer. */
  available(position: number, length: number): number
  stat(): Promise<Entry>
  /** Resolves when every read and write so far has landed; throws the Fault of one that did not. */
  settled(): Promise<void>
}

/** A file opened for reading, with the reads that run on it counted so that CLOSE can wait for them. */
export class PublishedFile implements Content {
  readonly #file: OpenFile
  #running = 0
  #whenIdle: (() => void)[] = []

  constructor(file: OpenFile) {
    this.#file = file
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    this.#running += 1
    try {
      return await this.#file.read(target, position)
    } finally {
      this.#running -= 1
      if (this.#running === 0) for (const resolve of this.#whenIdle.splice(0)) resolve()
    }
  }

  available(position: number, length: number): number {
    return Math.max(0, Math.min(length, this.#file.entry.size - position))
  }

  async stat(): Promise<Entry> {
    return this.#file.entry
  }

  async settled(): Promise<void> {
    if (this.#running > 0) await new Promise<void>((resolve) => this.#whenIdle.push(resolve))
  }

  /** Closes the file when the last read on it ended. */
  async close(): Promise<void> {
    await this.settled()
    await this.#file[Symbol.asyncDispose]()
  }
}
