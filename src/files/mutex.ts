/** Lets one holder of a key in at a time, in order of arrival. */
export type Mutex = {
  /** Holds all keys until disposal. Keys are taken in sorted order, so that holders cannot wait in a ring. */
  hold(keys: readonly string[]): Promise<Disposable>
}

export function createMutex(): Mutex {
  const tails = new Map<string, Promise<void>>()

  async function holdOne(key: string): Promise<() => void> {
    const before = tails.get(key)
    const { promise, resolve } = Promise.withResolvers<void>()
    tails.set(key, promise)
    await before
    return () => {
      if (tails.get(key) === promise) tails.delete(key)
      resolve()
    }
  }

  return {
    async hold(keys) {
      const releases: (() => void)[] = []
      for (const key of [...new Set(keys)].sort()) releases.push(await holdOne(key))
      return new Held(releases)
    },
  }
}

class Held implements Disposable {
  readonly #releases: readonly (() => void)[]

  constructor(releases: readonly (() => void)[]) {
    this.#releases = releases
  }

  [Symbol.dispose](): void {
    for (const release of this.#releases) release()
  }
}
