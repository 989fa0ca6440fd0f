/** What must go at once when the signal of its session fires. Listens from the first on that it holds. */
export type StagedSet = {
  /** False when the signal has fired already: the caller then disposes. */
  add(resource: AsyncDisposable): boolean
  delete(resource: AsyncDisposable): void
}

export function createStagedSet(signal: AbortSignal): StagedSet {
  const held = new Set<AsyncDisposable>()
  let listens = false
  const disposeAll = () => {
    // Disposal of staged bytes does not fail; whoever works on them learns by their next call.
    for (const resource of held) void resource[Symbol.asyncDispose]()
    held.clear()
  }
  return {
    add(resource) {
      if (signal.aborted) return false
      if (!listens) signal.addEventListener('abort', disposeAll, { once: true })
      listens = true
      held.add(resource)
      return true
    },
    delete(resource) {
      held.delete(resource)
    },
  }
}
