/** What must go at once when a signal fires. Listens only while it holds something. */
export type StagedSet = {
  /** False when the signal has fired already: the caller then disposes. */
  add(resource: AsyncDisposable): boolean
  delete(resource: AsyncDisposable): void
}

export function createStagedSet(signal: AbortSignal): StagedSet {
  const held = new Set<AsyncDisposable>()
  const disposeAll = () => {
    // Disposal of staged bytes does not fail; whoever works on them learns by their next call.
    for (const resource of held) void resource[Symbol.asyncDispose]()
    held.clear()
  }
  return {
    add(resource) {
      if (signal.aborted) return false
      if (held.size === 0) signal.addEventListener('abort', disposeAll, { once: true })
      held.add(resource)
      return true
    },
    delete(resource) {
      if (held.delete(resource) && held.size === 0) signal.removeEventListener('abort', disposeAll)
    },
  }
}
