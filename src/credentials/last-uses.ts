import type { Attempt } from './gate.ts'
import type { Clock } from './ports.ts'

export type LastUse = {
  readonly id: string
  readonly at: number
  readonly address: string
  readonly door: string
  readonly client: string
}

/** Last use of each value and access key pair, exact to a minute, written in batches (REQUIREMENTS.md, K10). */
export type LastUses = AsyncDisposable & {
  /** `id`: of the value, or the access key id. */
  note(id: string, attempt: Pick<Attempt, 'address' | 'door' | 'client'>): void
  /** Writes what was noted. */
  flush(): Promise<void>
}

const FLUSH_MS = 30_000

export function createLastUses(
  write: (uses: readonly LastUse[]) => Promise<void>,
  clock: Clock,
  onError: (error: unknown) => void,
): LastUses {
  let pending = new Map<string, LastUse>()

  async function flush(): Promise<void> {
    if (pending.size === 0) return
    const batch = pending
    pending = new Map()
    try {
      await write([...batch.values()])
    } catch (error) {
      onError(error)
      pending = new Map([...batch, ...pending])
    }
  }

  const timer = setInterval(() => void flush(), FLUSH_MS)
  timer.unref()

  return {
    note(id, { address, door, client }) {
      pending.set(id, { id, at: clock.now(), address, door, client })
    },
    flush,
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await flush()
    },
  }
}
