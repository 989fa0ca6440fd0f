import type { Engine } from './engine.ts'

/** What a query gave, for as long as nothing can have changed it. */
export type Remembered<T> = {
  get(): Promise<T>
  /** What `get` gave last, as far as this process changed nothing since; null where it has to be asked. */
  last(): T | null
  /** Runs a change of what the query reads. */
  change<R>(work: () => Promise<R>): Promise<R>
}

/**
 * Asks again only after a change by this process, which goes through `change`, or after another connection
 * committed anything. For small answers that hot paths need: to know that nobody sent news costs a tenth of a query.
 */
export function remembered<T>(
  { watchNews }: Pick<Engine, 'watchNews'>,
  read: () => Promise<T>,
): Remembered<T> {
  const hasNews = watchNews()
  // A database that cannot say so is asked, and then fails as it always does.
  const mayHaveNews = () => {
    try {
      return hasNews()
    } catch {
      return true
    }
  }
  let held: { readonly value: T } | null = null
  let changing = 0
  // An answer that a change overtook must not be kept.
  let generation = 0
  return {
    async get() {
      if (mayHaveNews()) held = null
      if (held !== null && changing === 0) return held.value
      const before = generation
      const value = await read()
      if (changing === 0 && generation === before) held = { value }
      return value
    },
    last: () => (changing === 0 && held !== null ? held.value : null),
    async change(work) {
      changing += 1
      try {
        return await work()
      } finally {
        changing -= 1
        generation += 1
        held = null
      }
    },
  }
}
