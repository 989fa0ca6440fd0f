import { closeSync } from 'node:fs'

/** A descriptor of a folder, shared by those who use the folder at about the same time. */
export type HeldFolder = {
  readonly fd: number
  /** One use is over. */
  release(): void
  /** It is not the folder of its path any more: nobody else gets it. */
  drop(): void
}

/** Folders that were opened a moment ago, by their real path. */
export type HeldFolders = {
  /** For one more use; whether it is still the folder of that path is the caller's to check. */
  take(real: string): HeldFolder | undefined
  /** Holds a descriptor that was just opened, for one use to begin with, and closes it in the end. */
  keep(real: string, fd: number): HeldFolder
}

const MOST = 64
/** Short: what is mounted over a folder later cannot be told from it, and a held folder keeps its file system busy. */
const LONGEST_MS = 1_000

type Held = HeldFolder & { readonly real: string; readonly until: number; users: number }

export function createHeldFolders(): HeldFolders {
  const byPath = new Map<string, Held>()
  let waking = false

  function forget(one: Held): void {
    if (byPath.get(one.real) !== one) return
    byPath.delete(one.real)
    if (one.users === 0) closeSync(one.fd)
  }

  function forgetOld(): void {
    waking = false
    const now = performance.now()
    for (const one of byPath.values()) if (one.until <= now) forget(one)
    if (byPath.size > 0) wake()
  }

  function wake(): void {
    if (waking) return
    waking = true
    setTimeout(forgetOld, LONGEST_MS).unref()
  }

  function release(one: Held): void {
    one.users -= 1
    if (one.users === 0 && byPath.get(one.real) !== one) closeSync(one.fd)
  }

  return {
    take(real) {
      const one = byPath.get(real)
      if (one === undefined) return undefined
      if (one.until <= performance.now()) {
        forget(one)
        return undefined
      }
      one.users += 1
      return one
    },
    keep(real, fd) {
      const one: Held = {
        real,
        fd,
        until: performance.now() + LONGEST_MS,
        users: 1,
        release: () => release(one),
        drop() {
          forget(one)
          release(one)
        },
      }
      const [oldest] = byPath.values()
      if (byPath.size >= MOST && oldest !== undefined) forget(oldest)
      byPath.set(real, one)
      wake()
      return one
    },
  }
}
